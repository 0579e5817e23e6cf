import type { ClientRequest } from "./client-request.ts";
import { listHeader } from "./client-request.ts";
import { refuse } from "./refuse.ts";

const protocolHeader = "X-Stream-Protocol-Version";

/**
 * Answers a SPDY upgrade: gives the first of the client's protocols that is supported, the last supported one when it names none (such clients are
 * the oldest). With none in common the client is refused and the result is undefined.
 */
export function acceptSpdy<Protocol extends string>(
  client: ClientRequest,
  supported: readonly Protocol[],
): Protocol | undefined {
  const wanted = listHeader(client.request, protocolHeader.toLowerCase());
  const chosen =
    wanted.length === 0
      ? supported.at(-1)
      : wanted.find((name): name is Protocol => supported.some((known) => known === name));
  if (chosen === undefined) {
    refuse(client.socket, 403, `none of the protocols ${wanted.join(", ")} is supported`, {
      "X-Accepted-Stream-Protocol-Versions": supported.join(","),
    });
    return undefined;
  }
  const lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: SPDY/3.1"];
  if (wanted.length > 0) lines.push(`${protocolHeader}: ${chosen}`);
  client.socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  return chosen;
}
