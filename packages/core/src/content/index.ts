export { type ContentStoreOptions, openContentStore } from "./content-store.ts";
export type { BlobInfo, ContentStore, Ingest } from "./types.ts";
