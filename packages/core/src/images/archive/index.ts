export { contentSink } from "./content-sink.ts";
export { readImageArchive } from "./read-image-archive.ts";
export type { ArchivedImage, ExportedImage } from "./types.ts";
export { writeImageArchive } from "./write-image-archive.ts";
