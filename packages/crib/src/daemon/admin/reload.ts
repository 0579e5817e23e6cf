import type { DaemonHandlers } from "./rpc.ts";

/** Reads the configuration again. InvalidArgument with every mistake in it; nothing has changed then. */
export const reload: DaemonHandlers["reload"] = async ({ reloader }) => {
  const { changed, kept, needsRestart, broken } = await reloader.reload();
  return { changed: [...changed], kept: [...kept], needsRestart: [...needsRestart], broken: [...broken] };
};
