import { Code, StatusError } from "@crib/errdefs";

/** One entry of a container's log: a line, or the part of one that it was written in. */
export interface LogEntry {
  /** RFC 3339 with nanoseconds, as in the log. */
  readonly time: string;
  readonly stream: "stdout" | "stderr";
  /** Without its line feed. */
  readonly text: Buffer;
  /** The line goes on with the next entry of this stream. */
  readonly isPartial: boolean;
}

const lineFeed = 10;
const blank = 32;
/** Bytes in front of a line that no format has; more is no log. */
const maxHeaderBytes = 128;

/** Reads the log format of the CRI from pieces of a file: `<time> <stream> <tags> <text>`. */
export class LogDecoder {
  #rest: Buffer = Buffer.alloc(0);

  /** The entries that end in this piece. DataLoss for something of another form. */
  decode(piece: Buffer): readonly LogEntry[] {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, piece]) : piece;
    const entries: LogEntry[] = [];
    let at = 0;
    for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, at)) {
      entries.push(decodeLine(bytes.subarray(at, end)));
      at = end + 1;
    }
    // A copy: whoever reads may use the piece again.
    this.#rest = Buffer.from(bytes.subarray(at));
    return entries;
  }
}

function decodeLine(line: Buffer): LogEntry {
  const afterTime = line.indexOf(blank);
  const afterStream = line.indexOf(blank, afterTime + 1);
  const next = line.indexOf(blank, afterStream + 1);
  // The blank is missing in front of no text in logs of some runtimes.
  const afterTags = next < 0 ? line.length : next;
  if (afterTime <= 0 || afterStream <= afterTime || afterTags > maxHeaderBytes) throw wrongForm(line);
  const stream = line.toString("latin1", afterTime + 1, afterStream);
  const [tag] = line.toString("latin1", afterStream + 1, afterTags).split(":");
  if ((stream !== "stdout" && stream !== "stderr") || (tag !== "F" && tag !== "P")) throw wrongForm(line);
  const time = line.toString("latin1", 0, afterTime);
  return { time, stream, text: line.subarray(afterTags + 1), isPartial: tag === "P" };
}

function wrongForm(line: Buffer): StatusError {
  const shown = JSON.stringify(line.toString("latin1", 0, 80));
  return new StatusError(Code.DataLoss, `reading the log: a line is not of the form of the CRI: ${shown}`);
}
