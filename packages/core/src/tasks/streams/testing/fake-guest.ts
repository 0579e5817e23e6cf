import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import { DataSchema, Streaming, StreamInitSchema, WindowUpdateSchema } from "@crib/wire/streaming";
import { type CreateTaskRequest, type DeleteResponse, type ExecProcessRequest, TaskV3 } from "@crib/wire/task";

import type { Service } from "../../endpoints/testing/serve-tasks.ts";

type Message = MessageInitShape<typeof AnySchema>;

const windowBytes = 32 * 1024;

/** What a stream holds, whoever is connected to it. */
class Channel {
  readonly output: Buffer[] = [];
  readonly input: Buffer[] = [];
  hasEnded = false;
  /** Counts connections: an older one ends when a newer takes over. */
  taken = 0;
  #wake = Promise.withResolvers<void>();

  wake(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  get change(): Promise<void> {
    return this.#wake.promise;
  }

  /** Bytes that wait to be sent. */
  get waiting(): number {
    return this.output.reduce((sum, { length }) => sum + length, 0);
  }
}

/** A task service whose processes have streams, as in a virtual machine; its processes do what a test says. */
export class FakeGuest {
  readonly created: CreateTaskRequest[] = [];
  readonly execs: ExecProcessRequest[] = [];
  /** Calls in order, `closeIO ID` and so on. */
  readonly calls: string[] = [];
  /** Streams are opened, and nothing is said of it. */
  isMute = false;
  /** Every stream is refused. */
  isStrange = false;
  /** No task is made any more. */
  refuses = false;
  readonly #channels = new Map<string, Channel>();
  readonly #exits = new Map<string, PromiseWithResolvers<number>>();

  /** To be served. */
  get services(): readonly Service[] {
    const tasks = {
      connect: () => ({ shimPid: 1 }),
      create: (request: CreateTaskRequest) => {
        if (this.refuses) throw new StatusError(Code.ResourceExhausted, "no room");
        this.created.push(request);
        this.#exits.set(request.id, Promise.withResolvers());
        return { pid: 0 };
      },
      exec: (request: ExecProcessRequest) => {
        this.execs.push(request);
        this.#exits.set(request.execId, Promise.withResolvers());
        return {};
      },
      start: () => ({ pid: 7 }),
      wait: async ({ id, execId }: { readonly id: string; readonly execId: string }) => {
        const exit = this.#exits.get(execId || id);
        if (exit === undefined) throw new StatusError(Code.NotFound, `no process "${execId || id}"`);
        return { exitStatus: await exit.promise, exitedAt: timestampFromDate(new Date()) };
      },
      closeIO: ({ id, execId }: { readonly id: string; readonly execId: string }) => {
        this.calls.push(`closeIO ${execId || id}`);
        return {};
      },
      delete: ({ id, execId }: { readonly id: string; readonly execId: string }): Partial<DeleteResponse> => {
        this.calls.push(`delete ${execId || id}`);
        if (!this.#exits.delete(execId || id)) throw new StatusError(Code.NotFound, `no process "${execId || id}"`);
        return {};
      },
    };
    return [
      [TaskV3, tasks],
      [Streaming, { stream: (requests: AsyncIterable<Any>) => this.#stream(requests) }],
    ];
  }

  /** A process writes. */
  say(stream: string, bytes: string | Buffer): void {
    const channel = this.#channel(stream);
    channel.output.push(Buffer.from(bytes));
    channel.wake();
  }

  /** A process closes its output. */
  end(stream: string): void {
    const channel = this.#channel(stream);
    channel.hasEnded = true;
    channel.wake();
  }

  exit(id: string, code = 0): void {
    this.#exits.get(id)?.resolve(code);
  }

  /** Bytes that a process has written and nobody has been sent. */
  waiting(stream: string): number {
    return this.#channel(stream).waiting;
  }

  /** What a process has read. */
  read(stream: string): Buffer {
    return Buffer.concat(this.#channel(stream).input);
  }

  /** Settles when the input of a process has come to its end. */
  async inputEnd(stream: string): Promise<void> {
    const channel = this.#channel(stream);
    while (!channel.hasEnded) await channel.change;
  }

  /** How often a stream was opened. */
  openings(stream: string): number {
    return this.#channel(stream).taken;
  }

  #channel(stream: string): Channel {
    const known = this.#channels.get(stream) ?? new Channel();
    this.#channels.set(stream, known);
    return known;
  }

  async *#stream(requests: AsyncIterable<Any>): AsyncGenerator<Message> {
    const messages = requests[Symbol.asyncIterator]();
    const first = await messages.next();
    if (first.done === true) return;
    const { id } = fromBinary(StreamInitSchema, first.value.value);
    const channel = this.#channel(id);
    channel.taken += 1;
    channel.wake();
    if (this.isStrange) throw new StatusError(Code.NotFound, `no stream "${id}"`);
    if (this.isMute) await new Promise(() => {});
    yield { typeUrl: "google.protobuf.Empty" };
    if (id.endsWith("-stdin")) yield* this.#input(channel, messages);
    else yield* this.#output(channel, messages);
  }

  async *#input(channel: Channel, messages: AsyncIterator<Any>): AsyncGenerator<Message> {
    for (let window = 0; ;) {
      if (window < windowBytes) {
        yield pack(WindowUpdateSchema, { update: windowBytes });
        window += windowBytes;
      }
      const { done, value } = await messages.next();
      if (done === true) break;
      const { data } = fromBinary(DataSchema, value.value);
      if (data.length > window) throw new StatusError(Code.ResourceExhausted, "more than the window");
      window -= data.length;
      channel.input.push(Buffer.from(data));
    }
    channel.hasEnded = true;
    channel.wake();
  }

  async *#output(channel: Channel, messages: AsyncIterator<Any>): AsyncGenerator<Message> {
    const turn = channel.taken;
    const peer = { window: 0, isGone: false };
    void follow(messages, peer, channel);
    while (channel.taken === turn && !peer.isGone) {
      const next = channel.output[0];
      if (next === undefined && channel.hasEnded) return;
      if (next === undefined || peer.window === 0) {
        await channel.change;
        continue;
      }
      const part = next.subarray(0, Math.min(peer.window, windowBytes));
      if (part.length === next.length) channel.output.shift();
      else channel.output[0] = next.subarray(part.length);
      peer.window -= part.length;
      yield pack(DataSchema, { data: part });
    }
  }
}

async function follow(
  messages: AsyncIterator<Any>,
  peer: { window: number; isGone: boolean },
  channel: Channel,
): Promise<void> {
  try {
    for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
      peer.window += fromBinary(WindowUpdateSchema, next.value.value).update;
      channel.wake();
    }
  } catch {
    // The connection is lost.
  }
  peer.isGone = true;
  channel.wake();
}

function pack<M extends typeof DataSchema | typeof WindowUpdateSchema>(
  schema: M,
  message: MessageInitShape<M>,
): Message {
  return { typeUrl: schema.typeName, value: toBinary(schema, create(schema, message)) };
}
