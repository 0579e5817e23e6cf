import type { Descriptor } from "@crib/oci-spec";

import type { Tries } from "../failures/tries.ts";
import type { Endpoint } from "../hosts/endpoint.ts";
import { ask } from "../http/ask.ts";
import type { Body } from "../http/body.ts";
import { contentLength } from "../http/read-body.ts";
import type { Answer } from "../http/send.ts";
import type { Credentials } from "../types.ts";
import { parseContentRange } from "./content-range.ts";
import type { FetchRequest } from "./request.ts";
import { wrongContent } from "./wrong.ts";

/** A host that a blob is read from, and what was learned of it. */
export interface BlobHost {
  readonly endpoint: Endpoint;
  readonly credentials: Credentials | undefined;
  readonly tries: Tries;
  /** Set once it has shown that it cannot give parts of blobs. */
  givesNoRanges: boolean;
}

/** An answer that has bytes of a blob. */
export interface OpenRange {
  readonly body: Body;
  /** Where in the blob the body begins: where it was asked to, or 0. */
  readonly first: number;
  /** Where it ends by the server's own word, exclusive. */
  readonly end: number;
}

/**
 * Asks a host for a blob from `position` on. One that ignores ranges, refuses them (416) or answers another range gives all of
 * it. Fails as RequestFailure; DataLoss as soon as the host states another size than the descriptor.
 */
export async function openRange(
  request: FetchRequest,
  host: BlobHost,
  { digest, size }: Pick<Descriptor, "digest" | "size">,
  position: number,
): Promise<OpenRange> {
  const wantsRange = position > 0 && !host.givesNoRanges;
  const question = {
    endpoint: host.endpoint,
    repository: request.reference.repository,
    path: `blobs/${digest}`,
    headers: wantsRange ? { range: `bytes=${position}-` } : {},
    credentials: host.credentials,
    expected: wantsRange ? [200, 206, 416] : [200],
  };
  const answer = await ask(request.transport, question, request.signal);
  if (answer.status === 200) {
    checkLength(answer, size, size);
    return { body: answer.body, first: 0, end: size };
  }
  const range = answer.status === 206 ? parseContentRange(answer.headers["content-range"]) : undefined;
  if (range?.first === position) {
    checkLength(answer, range.last - range.first + 1, size);
    if ((range.size ?? size) !== size || range.last >= size) {
      answer.body.destroy();
      throw wrongContent(`the blob has ${range.size ?? "more"} bytes, expected ${size}`);
    }
    return { body: answer.body, first: position, end: range.last + 1 };
  }
  answer.body.destroy();
  host.givesNoRanges = true;
  return openRange(request, host, { digest, size }, position);
}

function checkLength(answer: Answer, expected: number, size: number): void {
  const announced = contentLength(answer);
  if (announced === undefined || announced === expected) return;
  answer.body.destroy();
  throw wrongContent(
    expected === size
      ? `the blob has ${announced} bytes, expected ${size}`
      : `the part of the blob has ${announced} bytes, expected ${expected}`,
  );
}
