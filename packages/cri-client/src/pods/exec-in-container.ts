import { Readable, Writable } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";
import { connectExec } from "@crib/streaming";

import type { CriClient } from "../connect-cri.ts";
import type { ExecOptions, ExecResult } from "./types.ts";

/** Bytes of an output that are kept unless more are asked for. */
const usualBytes = 16 * 1024 * 1024;

/** Runs a command in a container over the runtime's streaming server, so that output has no bound but the caller's. */
export async function execInContainer(
  { runtime }: CriClient,
  containerId: string,
  command: readonly string[],
  options: ExecOptions,
): Promise<ExecResult> {
  const { stdin, maxBytes = usualBytes, signal = new AbortController().signal } = options;
  const stdout = new KeptOutput("stdout", maxBytes);
  const stderr = new KeptOutput("stderr", maxBytes);
  const hasInput = stdin !== undefined;
  const { url } = await runtime.exec(
    { containerId, cmd: [...command], stdin: hasInput, stdout: true, stderr: true },
    { signal },
  );
  const { exitCode } = await connectExec(
    url,
    {
      ...(hasInput && { stdin: readableOf(stdin) }),
      stdout: options.stdout ?? stdout,
      stderr: options.stderr ?? stderr,
      tty: false,
    },
    signal,
  );
  for (const kept of [stdout, stderr]) kept.throwIfCut(containerId);
  return { exitCode, stdout: stdout.bytes(), stderr: stderr.bytes() };
}

function readableOf(input: NonNullable<ExecOptions["stdin"]>): Readable {
  if (input instanceof Readable) return input;
  return Readable.from([typeof input === "string" ? Buffer.from(input) : input], { objectMode: false });
}

/** Keeps what is written up to a bound, and drops the rest: the command must not hang because of it. */
class KeptOutput extends Writable {
  readonly #name: string;
  readonly #maxBytes: number;
  readonly #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(name: string, maxBytes: number) {
    super();
    this.#name = name;
    this.#maxBytes = maxBytes;
  }

  override _write(piece: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#bytes += piece.length;
    if (this.#bytes <= this.#maxBytes) this.#pieces.push(piece);
    done();
  }

  bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  throwIfCut(containerId: string): void {
    if (this.#bytes <= this.#maxBytes) return;
    throw new StatusError(
      Code.ResourceExhausted,
      `running a command in container "${containerId}": ${this.#name} has ${this.#bytes} bytes, kept are ${this.#maxBytes}`,
    );
  }
}
