import { Code, StatusError } from "@crib/errdefs";

import { watchable } from "./watchable.ts";

/** An event of a record, as core publishes them. */
interface RecordEvent<R> {
  readonly kind: "created" | "started" | "stopped" | "deleted";
  readonly record: R;
  readonly at: Date;
}

/** Records in memory that are found by id or the start of one, and that tell of what happens to them. */
export class MemoryRecords<R extends { readonly id: string }> {
  readonly records = new Map<string, R>();
  readonly #noun: string;
  readonly #events = watchable<RecordEvent<R>>();

  /** `noun` is what errors call a record. */
  constructor(noun: string) {
    this.#noun = noun;
  }

  get(idOrPrefix: string): R {
    const record = this.find(idOrPrefix);
    if (record) return record;
    throw new StatusError(Code.NotFound, `${this.#noun} "${idOrPrefix}": not found`);
  }

  find(prefix: string): R | undefined {
    const found = [...this.records.values()].filter(({ id }) => id.startsWith(prefix));
    if (found.length > 1) throw new StatusError(Code.InvalidArgument, `${this.#noun} "${prefix}": names several`);
    return found[0];
  }

  watch(signal: AbortSignal): AsyncGenerator<RecordEvent<R>> {
    return this.#events.watch(signal);
  }

  /** How many watches are open. */
  get watching(): number {
    return this.#events.watching();
  }

  publish(kind: RecordEvent<R>["kind"], record: R): void {
    this.#events.publish({ kind, record, at: new Date(1_700_000_000_000) });
  }
}
