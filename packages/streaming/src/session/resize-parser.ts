import type { TerminalSize } from "../types.ts";

/** Bytes that one size may take; `{"Width":65535,"Height":65535}` has 30. */
const maxSizeBytes = 256;

const maxCells = 65_535;

/** Reads sizes, `{"Width":n,"Height":n}` one behind the other, from a stream of bytes. What is no size is skipped, and so are sizes of zero. */
export class ResizeParser {
  #pending = "";
  readonly #onSize: (size: TerminalSize) => void;

  constructor(onSize: (size: TerminalSize) => void) {
    this.#onSize = onSize;
  }

  push(chunk: Buffer): void {
    const objects = (this.#pending + chunk.toString("latin1")).split("}");
    this.#pending = objects.pop()!.slice(-maxSizeBytes);
    for (const object of objects) {
      const size = object.length <= maxSizeBytes ? parseSize(`${object}}`) : undefined;
      if (size !== undefined) this.#onSize(size);
    }
  }
}

function parseSize(text: string): TerminalSize | undefined {
  try {
    const { Width: width, Height: height } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    return isCells(width) && isCells(height) ? { width, height } : undefined;
  } catch {
    return undefined; // a client's nonsense about its window is no reason to end its session
  }
}

function isCells(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= maxCells;
}
