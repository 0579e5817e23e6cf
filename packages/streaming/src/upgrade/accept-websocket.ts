import { type WebSocket, WebSocketServer } from "ws";

import { lingerMs } from "../flow-control/limits.ts";
import { type ClientRequest, listHeader } from "./client-request.ts";
import { refuse } from "./refuse.ts";

/** Bytes a client's message may have. kubectl sends 32 KiB; some libraries send a whole file. */
const maxMessageBytes = 4 * 1024 * 1024;

/** Bytes that may wait for a client which pings and does not read. */
const maxBacklogBytes = 4 * 1024 * 1024;

/** An accepted WebSocket and what the client and we agreed to speak. */
export interface AcceptedWebSocket<Protocol> {
  readonly socket: WebSocket;
  readonly protocol: Protocol;
}

// In a variable of its own since the types of ws do not know `closeTimeout` yet.
const acceptorOptions = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  autoPong: false,
  maxPayload: maxMessageBytes,
  closeTimeout: lingerMs,
};

const acceptor = new WebSocketServer(acceptorOptions);

/**
 * Answers a WebSocket upgrade: gives the first of the client's subprotocols that is supported, that of the empty name when it names none. With none
 * in common, or a broken request, the client is refused and the result is undefined.
 */
export function acceptWebSocket<Protocol>(
  client: ClientRequest,
  supported: ReadonlyMap<string, Protocol>,
): AcceptedWebSocket<Protocol> | undefined {
  const wanted = listHeader(client.request, "sec-websocket-protocol");
  const name = wanted.length === 0 ? "" : wanted.find((candidate) => supported.has(candidate));
  const protocol = name === undefined ? undefined : supported.get(name);
  if (protocol === undefined) {
    refuse(client.socket, 400, `none of the subprotocols ${wanted.join(", ")} is supported`);
    return undefined;
  }
  // The list is ours to read: ws refuses names with a slash, as the tunnel's has, since RFC 6455 allows none.
  delete client.request.headers["sec-websocket-protocol"];
  const nameProtocol = (headers: string[]): void => void (name && headers.push(`Sec-WebSocket-Protocol: ${name}`));
  let accepted: WebSocket | undefined;
  acceptor.on("headers", nameProtocol);
  try {
    acceptor.handleUpgrade(client.request, client.socket, client.head, (socket) => (accepted = socket)); // calls back before it returns
  } finally {
    acceptor.off("headers", nameProtocol);
  }
  if (accepted === undefined) return undefined;
  answerPings(accepted);
  return { socket: accepted, protocol };
}

function answerPings(socket: WebSocket): void {
  socket.on("ping", (data) => {
    if (socket.bufferedAmount > maxBacklogBytes) socket.terminate();
    else socket.pong(data, undefined, () => {}); // whether it left is told by "close"
  });
}
