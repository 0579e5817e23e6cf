import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

/** Text of a record with its checksum, as it stands in the database and in its copy. */
export interface SealedRecord {
  readonly record: string;
  readonly checksum: string;
}

/** The JSON copy of each record in its own directory: what the database is rebuilt from, and what people read. */
export interface RecordCopies {
  /** Writes atomically; writes for one id happen in the order of the calls. Makes the directory (0700). */
  write(id: string, sealed: SealedRecord): Promise<void>;
  /** Removes the record's directory with all that is left in it. Absence is success. */
  remove(id: string): Promise<void>;
  /** Undefined when there is no copy; throws DataLoss when it is not of the expected shape. */
  read(id: string): Promise<SealedRecord | undefined>;
  /** Names of all record directories. */
  list(): Promise<readonly string[]>;
}

/** Keeps copies in `<dir>/<id>/record.json`. */
export function openRecordCopies(dir: string): RecordCopies {
  const queues = new Map<string, Promise<void>>();

  const enqueue = (id: string, work: () => Promise<void>): Promise<void> => {
    const next = (queues.get(id) ?? Promise.resolve()).catch(() => {}).then(work);
    queues.set(id, next);
    const forget = (): void => {
      if (queues.get(id) === next) queues.delete(id);
    };
    next.then(forget, forget);
    return next;
  };

  const write = async (id: string, sealed: SealedRecord): Promise<void> => {
    const folder = join(dir, id);
    const target = join(folder, "record.json");
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(`${target}.new`, copyText(sealed), { mode: 0o600 });
      await rename(`${target}.new`, target);
    } catch (reason) {
      throw StatusError.from(reason, `writing the copy of record "${id}"`);
    }
  };

  return {
    write: (id, sealed) => enqueue(id, () => write(id, sealed)),
    remove: (id) => enqueue(id, () => rm(join(dir, id), { recursive: true, force: true })),
    async read(id) {
      let text: string;
      try {
        text = await readFile(join(dir, id, "record.json"), "utf8");
      } catch (reason) {
        if ((reason as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw StatusError.from(reason, `reading the copy of record "${id}"`);
      }
      return parseCopy(id, text);
    },
    async list() {
      const entries = await readdir(dir, { withFileTypes: true }).catch((reason: NodeJS.ErrnoException) => {
        if (reason.code === "ENOENT") return [];
        throw reason;
      });
      return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    },
  };
}

/** The text of a copy, for `parseCopy`. */
export function copyText({ checksum, record }: SealedRecord): string {
  return `{"checksum":"${checksum}","record":${record}}\n`;
}

/**
 * The sealed record in a copy; `id` is for the message. The record stands in it letter by letter, so its text needs no second serialisation
 * to check the sum. Throws DataLoss.
 */
export function parseCopy(id: string, text: string): SealedRecord {
  const match = /^\{"checksum":"([0-9a-f]{64})","record":(\{.*\})\}\n$/s.exec(text);
  if (match?.[1] !== undefined && match[2] !== undefined) return { checksum: match[1], record: match[2] };
  throw new StatusError(Code.DataLoss, `copy of record "${id}": it is torn or was edited`);
}
