export { canonicalJson, checksum } from "./canonical-json.ts";
export { type Database, openDatabase } from "./database.ts";
export { openRecordCopies, type RecordCopies, type SealedRecord } from "./record-copies.ts";
export { openRecord, sealRecord } from "./sandbox-record.ts";
export { openSandboxStore, type QuarantinedRecord, type SandboxStore } from "./sandbox-store.ts";
export { onRollback, transaction } from "./transaction.ts";
