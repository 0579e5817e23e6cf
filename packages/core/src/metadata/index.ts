export { canonicalJson, checksum } from "./canonical-json.ts";
export { type Database, openDatabase } from "./database.ts";
export { type DiskReserve, freeingTransaction } from "./disk-reserve.ts";
export { openRecordCopies, type RecordCopies, type SealedRecord } from "./record-copies.ts";
export { type BadRow, openRecordTable, type RecordKind, type RecordTable } from "./record-table.ts";
export { openRecord, sealRecord } from "./sandbox-record.ts";
export { openSandboxStore, type QuarantinedRecord, type SandboxStore } from "./sandbox-store.ts";
export { openSealed, sealJson } from "./sealed-json.ts";
export { onRollback, transaction } from "./transaction.ts";
