export { contentSink } from "./content-sink.ts";
export { readImageArchive } from "./read-image-archive.ts";
export type {
  ArchiveBlob,
  ArchivedImage,
  ArchiveLimits,
  ArchiveSink,
  ExportedImage,
  ImageArchive,
  OpenArchivedBlob,
  ReadArchiveOptions,
} from "./types.ts";
export { writeImageArchive } from "./write-image-archive.ts";
