import { Code, hasCode } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

import type { ContentStore } from "../../../content/types.ts";
import { factOf, sessionOf } from "./session-of.ts";
import type { PullContext } from "./types.ts";

/** Keeps the documents. The row names them since the step before, so that no collection takes them. */
export async function saveManifest(context: PullContext): Promise<void> {
  const { deps } = context;
  const { documents } = sessionOf(context);
  const [target, ...others] = [...factOf(context, "documents"), factOf(context, "config")];
  const save = async (digest: NonNullable<typeof target>["digest"]): Promise<void> => {
    const bytes = documents.get(digest);
    await deps.deletions.settled(digest);
    if (bytes && !(await isThere(deps.content, digest, bytes.length))) await deps.content.write(digest, bytes);
  };
  if (target) await save(target.digest);
  await context.midpoint();
  for (const { digest } of others) await save(digest);
  documents.clear();
}

/** Whether the store has it, and what it has is not damaged. */
async function isThere(content: ContentStore, digest: Digest, size: number): Promise<boolean> {
  try {
    return (await content.read(digest, size)).length === size;
  } catch (reason) {
    if ([Code.NotFound, Code.DataLoss, Code.ResourceExhausted].some((code) => hasCode(reason, code))) return false;
    throw reason;
  }
}
