import { Duplex } from "node:stream";

import { maxTrunkPayloadBytes, TrunkReader, trunkHeaderBytes } from "./trunk-reader.ts";

/** Connection ids of a trunk. On the first the plugin is the server, on the second the runtime. */
export const connectionIds = { plugin: 1, runtime: 2 } as const;

/**
 * The receiver of Go plugins gives one whole frame to each read, and ttrpc there reads by a buffer of this size first and then the rest of
 * the message: a frame that does not fit such a read breaks the connection.
 */
const firstFrameBytes = 4096;

/** Several connections over one socket. An error of any of them, or of the socket, ends all. */
export class Trunk {
  /** Resolves with the reason when nothing can be read or sent any more. */
  readonly closed: Promise<string>;
  readonly #socket: Duplex;
  readonly #reader: TrunkReader;
  readonly #connections = new Map<number, TrunkConnection>();
  readonly #waitingForDrain: (() => void)[] = [];
  readonly #full = new Set<number>();
  #settleClosed: (why: string) => void = () => {};
  #why: string | undefined;

  /** Takes over the socket. The connections that are opened before the next turn of the event loop miss nothing. */
  constructor(socket: Duplex) {
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.closed = promise;
    this.#settleClosed = resolve;
    this.#reader = new TrunkReader((id, bytes) => this.#deliver(id, bytes));
    socket.on("error", (error) => this.close(error.message));
    socket.on("end", () => this.close(this.#reader.insideFrame ? "ended inside a frame" : "closed by the plugin"));
    socket.on("close", () => this.close("closed by the plugin"));
    socket.on("drain", () => this.#drained());
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));
  }

  /** Why the trunk was closed; undefined while it is open. */
  get why(): string | undefined {
    return this.#why;
  }

  /** A connection over this trunk. Each write of it has to be one ttrpc message, whole. */
  open(id: number): Duplex {
    const connection = new TrunkConnection({
      send: (message, done) => this.#send(id, message, done),
      room: () => this.#room(id),
      end: (why) => this.close(why),
    });
    this.#connections.set(id, connection);
    return connection;
  }

  /** Ends all connections for this reason. Idempotent; the first reason counts. */
  close(why: string): void {
    if (this.#why !== undefined) return;
    this.#why = why;
    this.#socket.destroy();
    for (const connection of this.#connections.values()) connection.destroy(new Error(why));
    for (const done of this.#waitingForDrain.splice(0)) done();
    this.#settleClosed(why);
  }

  #receive(chunk: Uint8Array): void {
    if (this.#why !== undefined) return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.close(error instanceof Error ? error.message : String(error));
    }
  }

  #deliver(id: number, bytes: Uint8Array): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) throw new Error(`a frame for connection ${id}, which does not exist`);
    if (bytes.length === 0 || connection.push(bytes)) return;
    this.#full.add(id);
    this.#socket.pause();
  }

  #room(id: number): void {
    if (this.#full.delete(id) && this.#full.size === 0) this.#socket.resume();
  }

  #send(id: number, message: Uint8Array, done: () => void): void {
    if (this.#why !== undefined) return done();
    this.#socket.cork();
    let room = this.#sendFrame(id, message.subarray(0, firstFrameBytes));
    for (let at = firstFrameBytes; at < message.length; at += maxTrunkPayloadBytes) {
      room = this.#sendFrame(id, message.subarray(at, at + maxTrunkPayloadBytes));
    }
    this.#socket.uncork();
    if (room) done();
    else this.#waitingForDrain.push(done);
  }

  #sendFrame(id: number, payload: Uint8Array): boolean {
    const header = Buffer.alloc(trunkHeaderBytes);
    header.writeUInt32BE(id, 0);
    header.writeUInt32BE(payload.length, 4);
    this.#socket.write(header);
    return this.#socket.write(payload);
  }

  #drained(): void {
    for (const done of this.#waitingForDrain.splice(0)) done();
  }
}

interface TrunkSide {
  send(message: Uint8Array, done: () => void): void;
  room(): void;
  end(why: string): void;
}

/** One connection of a trunk, as a stream. */
class TrunkConnection extends Duplex {
  readonly #trunk: TrunkSide;

  constructor(trunk: TrunkSide) {
    super({ decodeStrings: true, emitClose: true });
    this.#trunk = trunk;
  }

  override _write(message: Uint8Array, _encoding: string, done: () => void): void {
    this.#trunk.send(message, done);
  }

  override _read(): void {
    this.#trunk.room();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#trunk.end(error?.message ?? "closed by the runtime");
    done(error);
  }
}
