import type { StatusError } from "@crib/errdefs";

import type { SandboxRecord } from "../records/sandbox-record.ts";
import { ExitOfSandbox } from "./exit-of-sandbox.ts";

/** Where records are kept. */
export interface Records {
  write(record: SandboxRecord): Promise<void>;
  /** Removes the record and everything beside it. */
  remove(id: string): Promise<void>;
}

/** A sandbox that the server knows of. */
export class HostedSandbox {
  readonly exit: ExitOfSandbox = new ExitOfSandbox();
  /** Aborted when it goes, or the server does. */
  readonly life: AbortController = new AbortController();
  /** The first try to take it over from an earlier process; settles, and never rejects, when that has had its try. */
  adopting: Promise<void> | undefined;
  /** Why it could not be taken over until now. */
  lost: StatusError | undefined;
  readonly #records: Records;
  #record: SandboxRecord;
  #written: Promise<void> = Promise.resolve();

  constructor(record: SandboxRecord, records: Records) {
    this.#record = record;
    this.#records = records;
    if (record.exit) this.exit.settle(record.exit);
  }

  get id(): string {
    return this.#record.sandbox.id;
  }

  get record(): SandboxRecord {
    return this.#record;
  }

  /** Changes the record, in memory at once, and settles when it is written. */
  async save(change: Partial<SandboxRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    // One after the other: the one that started last is the one that stays. Whoever began the one before sees its failure.
    const before = this.#written.catch(() => undefined);
    this.#written = before.then(() => this.#records.write(this.#record));
    await this.#written;
  }

  /** Removes the record, after what is being written. */
  async remove(): Promise<void> {
    await this.#written.catch(() => undefined); // whoever began it sees its failure; what it left goes now
    await this.#records.remove(this.id);
  }
}
