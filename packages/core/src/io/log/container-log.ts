import type { LogRequest } from "../types.ts";
import type { OutputName } from "../worker/messages.ts";
import { DropLimit } from "./drop-limit.ts";
import { headerBytes, LineFormatter, type LineSink, type ReadBuffer } from "./line-formatter.ts";
import type { LogClock } from "./log-clock.ts";
import { LogFile } from "./log-file.ts";
import { RateLimit } from "./rate-limit.ts";

/** How long an unfinished line is held back for its rest. */
const holdMs = 100;
/** How often a loss that goes on is told. */
const reportMs = 60_000;
const lineFeed = 10;

/** Tells what whoever runs the daemon should know; a constant message, values as fields. */
export type LogNote = (level: "info" | "warn", message: string, fields: Readonly<Record<string, unknown>>) => void;

/** What the logs of one thread share. */
export interface LogShare {
  readonly clock: LogClock;
  /** For formatted lines. */
  readonly lines: Buffer;
  readonly note: LogNote;
}

interface Lines {
  readonly formatter: LineFormatter;
  readonly limit: DropLimit | undefined;
}

/** The log of one container: what it wrote, in lines, in a file. Output that cannot be written is counted and told, and never waits. */
export class ContainerLog implements LineSink {
  readonly buffer: Buffer;
  used = 0;
  readonly #id: string;
  readonly #path: string;
  readonly #file: LogFile;
  readonly #outputs = new Map<OutputName, Lines>();
  readonly #note: LogNote;
  #timer: NodeJS.Timeout | undefined;
  #lastWriteMs = 0;
  #isHeldUp = false;
  /** Bytes of text that could not be written since the last line that could, and of those that are told in the buffer. */
  #lostBytes = 0;
  #saidBytes = 0;
  #lastReportMs = -Infinity;
  #why = "";

  /** Errors of opening the file. */
  constructor(id: string, request: LogRequest, names: readonly OutputName[], isMended: boolean, share: LogShare) {
    this.#id = id;
    this.#path = request.path;
    this.#note = share.note;
    this.buffer = share.lines;
    this.#file = isMended ? LogFile.adopt(request) : LogFile.open(request);
    const rate = request.limit?.over === "drop" ? new RateLimit(request.limit, performance.now()) : undefined;
    for (const name of names) {
      const formatter = new LineFormatter(name, request.maxLineBytes, share.clock, this);
      this.#outputs.set(name, { formatter, limit: rate && new DropLimit(rate, formatter) });
    }
  }

  /** The container is made to wait, so that it cannot end its unfinished lines; when it goes on, it has as much time for them as any other. */
  set isHeldUp(isHeldUp: boolean) {
    if (this.#isHeldUp && !isHeldUp) this.#lastWriteMs = performance.now();
    this.#isHeldUp = isHeldUp;
  }

  /** Writes what was read of an output, but for an unfinished line. */
  write(name: OutputName, read: ReadBuffer, end: number): void {
    const output = this.#outputs.get(name);
    if (output === undefined) return;
    const { formatter, limit } = output;
    this.#sayLoss(formatter);
    if (limit === undefined) formatter.write(read, end);
    else limit.write(read, end, performance.now());
    this.flush();
    this.#lastWriteMs = performance.now();
    if (formatter.isHolding) this.#timer ??= setTimeout(() => this.#release(), holdMs);
  }

  /** Writes the unfinished lines as parts. */
  writeHeld(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { formatter, limit } of this.#outputs.values()) {
      formatter.flush();
      limit?.sayDropped();
    }
    this.flush();
  }

  /** As `writeHeld`; then goes on in the file that has the path now. */
  reopen(): void {
    this.writeHeld();
    this.#file.reopen();
  }

  close(): void {
    this.writeHeld();
    if (this.#lostBytes > 0) this.#report(0);
    const error = this.#file.close();
    if (error !== undefined)
      this.#note("warn", "log of a container was not closed well", { ...this.#fields(), error: error.message });
  }

  flush(): void {
    if (this.used === 0) return;
    const lines = this.buffer.subarray(0, this.used);
    const said = this.#saidBytes;
    this.used = 0;
    this.#saidBytes = 0;
    const { bytes, error } = this.#file.append(lines);
    if (said > 0 && bytes >= said) this.#recover();
    if (error === undefined) return;
    // Our own line is no loss of the container's.
    this.#lostBytes += textBytes(lines.subarray(Math.max(bytes, said)));
    this.#why = error.message;
    this.#report(reportMs);
  }

  #release(): void {
    this.#timer = undefined;
    const restMs = this.#isHeldUp ? holdMs : holdMs - (performance.now() - this.#lastWriteMs);
    if (restMs > 1) this.#timer = setTimeout(() => this.#release(), restMs);
    else this.writeHeld();
  }

  #sayLoss(formatter: LineFormatter): void {
    if (this.#lostBytes === 0) return;
    formatter.say(`crib: ${this.#lostBytes} bytes of output were lost: ${this.#why}`);
    this.#saidBytes = this.used;
  }

  #recover(): void {
    this.#note("info", "log of a container is written again", { ...this.#fields(), lostBytes: this.#lostBytes });
    this.#lostBytes = 0;
    this.#lastReportMs = -Infinity;
  }

  #report(everyMs: number): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastReportMs < everyMs) return;
    this.#lastReportMs = nowMs;
    this.#note("warn", "output of a container is lost", {
      ...this.#fields(),
      lostBytes: this.#lostBytes,
      error: this.#why,
    });
  }

  #fields(): Readonly<Record<string, unknown>> {
    return { containerId: this.#id, path: this.#path };
  }
}

/** Bytes of the container's text in whole lines of a log. */
function textBytes(lines: Buffer): number {
  let count = 0;
  for (let at = lines.indexOf(lineFeed); at >= 0; at = lines.indexOf(lineFeed, at + 1)) count += 1;
  return lines.length - count * headerBytes;
}
