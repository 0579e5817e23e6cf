export { readTar, type TarEvent } from "./read-tar.ts";
export { badTar, quoteName, tarLimit } from "./tar-error.ts";
export { TarReader } from "./tar-reader.ts";
export type { TarEntry, TarEntryType, TarLimits, TarSink } from "./types.ts";
