import { equal, rejects } from "node:assert/strict";
import { once } from "node:events";
import { buffer } from "node:stream/consumers";

import { Code } from "@crib/errdefs";
import { openPortForward } from "@crib/streaming";

import type { Node } from "../node.ts";
import { churn, type Churn } from "./churn.ts";
import type { Container } from "./container.ts";
import { portForwardUrl } from "./streaming-calls.ts";

/** A port at which nobody listens. */
const closedPort = 1;

/**
 * Clients that connect to a port of the container's pod, `count` of them: of five, three end what they began with the echo that is
 * expected, one vanishes in the middle of it, and one asks for a port at which nobody listens. Afterwards nothing is left of them.
 */
export async function portForwardChurn(
  node: Node,
  container: Container,
  { echoPort, count, signal }: { readonly echoPort: number; readonly count: number; readonly signal: AbortSignal },
): Promise<Churn> {
  return await churn(node, container, count, async (index) => {
    using client = await openPortForward(await portForwardUrl(node, container.pod), signal);
    const kind = index % 5;
    if (kind === 4) {
      await rejects(buffer(await client.connect(closedPort)), { code: Code.Unavailable });
      return;
    }
    const connection = await client.connect(echoPort);
    if (kind === 3) {
      connection.on("error", () => {}); // it is cut off by its own client
      connection.write(`client ${index}`);
      await once(connection, "data");
      return;
    }
    connection.end(`client ${index}`);
    equal((await buffer(connection)).toString(), `client ${index}`);
  });
}
