import type { Field } from "@crib/wire/nri";

import type { FieldOwners } from "./field-owners.ts";

/** What marks a key as one to be removed. */
const removalMark = "-";

/** Entries as a reply has them: what to take away, and what to set. */
export interface EntryChanges<T> {
  readonly removals: ReadonlySet<string>;
  readonly additions: readonly (readonly [key: string, value: T])[];
}

/** Tells removals from additions by the mark before the key. */
export function entryChanges<T>(entries: readonly (readonly [string, T])[]): EntryChanges<T> {
  const removals = new Set<string>();
  const additions: (readonly [string, T])[] = [];
  for (const entry of entries) {
    if (entry[0].startsWith(removalMark)) removals.add(entry[0].slice(removalMark.length));
    else additions.push(entry);
  }
  return { removals, additions };
}

/** What plugins together did to the entries of one kind. */
export class KeyedEntries<T> {
  readonly #owners: FieldOwners;
  readonly #field: Field;
  readonly #label: string;
  readonly #removed = new Set<string>();
  readonly #values = new Map<string, T>();

  constructor(owners: FieldOwners, field: Field, label: string) {
    this.#owners = owners;
    this.#field = field;
    this.#label = label;
  }

  /**
   * Adds what one plugin wants. A removal makes an entry free of its owner, so that the same reply may set it anew. Alone it owns the
   * entry `always`, so that it is in conflict with an owner, or when it takes away what an `earlier` plugin set, or `never`.
   */
  apply(plugin: string, changes: EntryChanges<T>, removalOwns: "always" | "earlier" | "never"): void {
    const added = new Set(changes.additions.map(([key]) => key));
    for (const key of changes.removals) {
      const claim = { field: this.#field, key, label: this.#label };
      const isReplaced = added.has(key);
      // Where a removal is a claim like any other, it cannot take away what another plugin decided.
      if (removalOwns === "always" && !isReplaced) this.#owners.claim(plugin, claim);
      else this.#owners.clear(claim);
      const dropped = this.#values.delete(key);
      this.#removed.add(key);
      if (removalOwns === "earlier" && dropped && !isReplaced) this.#owners.claim(plugin, claim);
    }
    for (const [key, value] of changes.additions) {
      this.#owners.claim(plugin, { field: this.#field, key, label: this.#label });
      this.#values.set(key, value);
    }
  }

  get isEmpty(): boolean {
    return this.#removed.size === 0 && this.#values.size === 0;
  }

  /** As a reply would have them: removals, marked, first. */
  merged<M>(removal: (key: string) => M, value: (key: string, value: T) => M): readonly M[] {
    return [
      ...[...this.#removed].map((key) => removal(removalMark + key)),
      ...[...this.#values].map(([key, entry]) => value(key, entry)),
    ];
  }

  /** Entries of a container as they become: what is set replaces in place, what is new comes last. */
  applyTo(entries: readonly T[], keyOf: (entry: T) => string): T[] {
    const left = new Map(this.#values);
    const changed: T[] = [];
    for (const entry of entries) {
      const key = keyOf(entry);
      const value = left.get(key);
      left.delete(key);
      if (value !== undefined) changed.push(value);
      else if (!this.#removed.has(key) && !this.#values.has(key)) changed.push(entry);
    }
    return [...changed, ...left.values()];
  }

  /** As `applyTo`, of a map. */
  applyToMap(entries: Readonly<Record<string, T>>): Record<string, T> {
    const kept = Object.entries(entries).filter(([key]) => !this.#removed.has(key));
    return Object.fromEntries([...kept, ...this.#values]);
  }
}
