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
    if (bytes && !(await deps.content.find(digest))) await deps.content.write(digest, bytes);
  };
  if (target) await save(target.digest);
  await context.midpoint();
  for (const { digest } of others) await save(digest);
  documents.clear();
}
