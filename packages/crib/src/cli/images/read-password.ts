import type { Readable } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

/** Bytes of a password or token; more is some other file. */
const maxBytes = 64 * 1024;

/** Reads all of a stream; one line end at its end is left out. ResourceExhausted for more than any password has. */
export async function readPasswordFrom(input: AsyncIterable<Uint8Array | string>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes > maxBytes)
      throw new StatusError(Code.ResourceExhausted, `reading the password: longer than ${maxBytes} bytes`);
  }
  return Buffer.concat(chunks)
    .toString()
    .replace(/\r?\n$/, "");
}

/** What standard input is on a terminal. */
type Terminal = Readable & { readonly isTTY?: boolean; setRawMode(raw: boolean): unknown };

/** Asks on the terminal without showing what is typed. FailedPrecondition where standard input is none. */
export async function readPassword(
  prompt: string,
  input: Terminal = process.stdin,
  output: { write(text: string): unknown } = process.stderr,
): Promise<string> {
  if (!input.isTTY) {
    throw new StatusError(Code.FailedPrecondition, "asking for the password: no terminal; use --password-stdin");
  }
  output.write(prompt);
  input.setRawMode(true);
  try {
    return await readLine(input);
  } finally {
    input.setRawMode(false);
    input.pause();
    output.write("\n");
  }
}

/** In raw mode the terminal hands over each key, also those that it otherwise acts upon (termios(3)). */
async function readLine(input: Readable): Promise<string> {
  let typed: string[] = [];
  // A stream that is destroyed could not be taken out of raw mode any more.
  for await (const chunk of input.iterator({ destroyOnReturn: false })) {
    for (const key of String(chunk)) {
      if (key === "\r" || key === "\n" || key === "\u0004") return typed.join("");
      if (key === "\u0003") throw new StatusError(Code.Canceled, "asking for the password: interrupted");
      if (key === "\u007f" || key === "\b") typed.pop();
      else if (key === "\u0015") typed = [];
      else typed.push(key);
    }
  }
  return typed.join("");
}
