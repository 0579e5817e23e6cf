import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import { removeDirectory } from "./remove-directory.ts";
import { formatRecord, parseRecord, type SandboxRecord } from "./sandbox-record.ts";

const fileName = "record.json";

/** What was found of earlier times. */
export interface FoundRecords {
  readonly records: readonly SandboxRecord[];
  /** Records that could not be read, and were set aside beside where they were. */
  readonly unreadable: readonly { readonly id: string; readonly keptAs: string; readonly reason: StatusError }[];
}

/** A directory for each sandbox with its record and whatever files its controller puts there. */
export class RecordStore {
  readonly #dir: string;

  /** `dir` is absolute; it is made when it is missing. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** The directory of a sandbox. */
  directory(id: string): string {
    return join(this.#dir, id);
  }

  /** Writes a record as a whole or not at all. */
  async write(record: SandboxRecord): Promise<void> {
    const directory = this.directory(record.sandbox.id);
    const doing = `writing the record of sandbox "${record.sandbox.id}"`;
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFile(join(directory, `${fileName}.new`), formatRecord(record), { mode: 0o600 });
      await rename(join(directory, `${fileName}.new`), join(directory, fileName));
    } catch (reason) {
      throw StatusError.from(reason, doing);
    }
  }

  /** Removes the directory of a sandbox, as `removeDirectory` does. */
  async remove(id: string): Promise<void> {
    await removeDirectory(this.directory(id));
  }

  /** Reads all records. One that cannot be read keeps no other from being read. */
  async readAll(): Promise<FoundRecords> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    const records: SandboxRecord[] = [];
    const unreadable: FoundRecords["unreadable"][number][] = [];
    for (const id of (await readdir(this.#dir)).toSorted()) {
      try {
        const record = parseRecord(await readFile(join(this.directory(id), fileName), "utf8"));
        if (record.sandbox.id !== id) throw new StatusError(Code.DataLoss, `it is that of "${record.sandbox.id}"`);
        records.push(record);
      } catch (reason) {
        // A directory whose sandbox goes or comes has none.
        if ((reason as NodeJS.ErrnoException).code === "ENOENT") continue;
        unreadable.push({ id, keptAs: await this.#setAside(id), reason: StatusError.from(reason) });
      }
    }
    return { records, unreadable };
  }

  async #setAside(id: string): Promise<string> {
    const keptAs = join(this.directory(id), `${fileName}.unreadable-${Date.now()}`);
    await rename(join(this.directory(id), fileName), keptAs);
    return keptAs;
  }
}
