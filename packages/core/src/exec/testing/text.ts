import { Readable, Writable } from "node:stream";

/** Bytes as text. */
export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}

/** A client's output that keeps what it is given. */
export class Sink extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(chunk);
    this.emit("taken");
    done();
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString("utf8");
  }

  /** Settles when it has been given such text. */
  async has(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) await new Promise((resolve) => this.once("taken", resolve));
  }
}

/** A client's input that a test writes to. */
export function input(...lines: readonly string[]): Readable {
  return Readable.from(lines.map((line) => Buffer.from(line)));
}

/** Settles when `holds` does; rejects after half a minute, since other tests use the processors too. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`it is not so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
