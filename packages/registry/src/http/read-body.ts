import { Code } from "@crib/errdefs";

import { RequestFailure } from "../failures/request-failure.ts";
import type { Body } from "./body.ts";
import type { Answer } from "./send.ts";

/** The Content-Length of an answer, undefined without one (chunked). */
export function contentLength(answer: Answer): number | undefined {
  // The parser has refused everything but one decimal number.
  const text = answer.headers["content-length"];
  return text === undefined ? undefined : Number(text);
}

/** Reads a whole body into memory. ResourceExhausted, with the connection closed, as soon as it is longer than `limit`. */
export async function readWhole(answer: Answer, limit: number): Promise<Buffer> {
  const announced = contentLength(answer);
  if (announced !== undefined && announced > limit) {
    answer.body.destroy();
    throw tooLarge(`${announced} bytes`, limit);
  }
  const { bytes, isWhole } = await readStart(answer.body, limit);
  if (!isWhole) throw tooLarge("more", limit);
  return bytes;
}

function tooLarge(size: string, limit: number): RequestFailure {
  return new RequestFailure(Code.ResourceExhausted, `the answer has ${size}, the limit is ${limit} bytes`, {
    retry: false,
  });
}

/** Reads at most `limit` bytes; a body that has more is destroyed. */
export async function readStart(
  body: Body,
  limit: number,
): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const chunk = await body.next();
    if (chunk === undefined) return { bytes: Buffer.concat(chunks), isWhole: true };
    chunks.push(chunk);
    size += chunk.length;
    if (size > limit) {
      body.destroy();
      return { bytes: Buffer.concat(chunks).subarray(0, limit), isWhole: false };
    }
  }
}
