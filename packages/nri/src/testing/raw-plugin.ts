import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A connection to the runtime's socket on which a test writes bytes as it likes. */
export interface RawPlugin extends Disposable {
  readonly socket: Socket;
  /** Settles when the runtime has closed it. */
  readonly closed: Promise<unknown>;
}

/** Connects and says nothing. What the runtime sends is read and thrown away. */
export async function connectRaw(path: string): Promise<RawPlugin> {
  const socket = connect(path);
  // A reset says no more than the close that follows.
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  // Not `once` of the events: that fails with the reset.
  const closed = new Promise((resolve) => socket.once("close", resolve));
  return { socket, closed, [Symbol.dispose]: () => void socket.destroy() };
}

/** A frame of the trunk; `length` is what its header claims. */
export function trunkFrame(id: number, payload: Uint8Array, length: number = payload.length): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(id, 0);
  header.writeUInt32BE(length, 4);
  return Buffer.concat([header, payload]);
}

/** A frame of ttrpc. */
export function ttrpcFrame(streamId: number, type: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(10);
  header.writeUInt32BE(payload.length, 0);
  header.writeUInt32BE(streamId, 4);
  header.writeUInt8(type, 8);
  return Buffer.concat([header, payload]);
}
