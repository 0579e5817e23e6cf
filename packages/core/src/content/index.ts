export type { BlobInfo, ContentStore, Ingest } from "./types.ts";
