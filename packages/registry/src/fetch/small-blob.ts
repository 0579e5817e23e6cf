import { type Descriptor, digestAlgorithm, digestOf } from "@crib/oci-spec";

import { ask } from "../http/ask.ts";
import { contentLength, readWhole } from "../http/read-body.ts";
import { acrossHosts } from "./across-hosts.ts";
import type { FetchRequest } from "./request.ts";
import { wrongContent } from "./wrong.ts";

/** Fetches a blob into memory from the first host that has the right one. Each try begins anew. */
export async function fetchSmallBlob(
  request: FetchRequest,
  { digest, size }: Pick<Descriptor, "digest" | "size">,
): Promise<Buffer> {
  const { transport, reference, signal } = request;
  return acrossHosts(request, async (endpoint, credentials) => {
    const { repository } = reference;
    const question = { endpoint, repository, path: `blobs/${digest}`, headers: {}, credentials, expected: [200] };
    const answer = await ask(transport, question, signal);
    const announced = contentLength(answer);
    if (announced !== undefined && announced !== size) {
      answer.body.destroy();
      throw wrongContent(`the blob has ${announced} bytes, expected ${size}`);
    }
    const bytes = await readWhole(answer, size);
    if (bytes.length !== size) throw wrongContent(`the blob has ${bytes.length} bytes, expected ${size}`);
    const found = digestOf(bytes, digestAlgorithm(digest));
    if (found !== digest) throw wrongContent(`the blob hashes to ${found}, expected ${digest}`);
    return bytes;
  });
}
