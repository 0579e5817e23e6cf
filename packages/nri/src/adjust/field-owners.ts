import { create } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import { type Field, type FieldOwners as FieldOwnersMessage, FieldOwnersSchema } from "@crib/wire/nri";

import { quote } from "./check-values.ts";

/** One thing that a plugin wants to decide: a field, or an entry of one that has many. */
export interface Claim {
  readonly field: Field;
  /** Of an entry: which one. */
  readonly key?: string;
  /** As errors call it: `memory limit`, `mount`. */
  readonly label: string;
}

/** Which plugin decides which field of one container. Each has one owner. */
export class FieldOwners {
  readonly #containerId: string;
  readonly #simple = new Map<Field, string>();
  readonly #compound = new Map<Field, Map<string, string>>();

  constructor(containerId: string) {
    this.#containerId = containerId;
  }

  /** Throws FailedPrecondition, naming both plugins, when it is taken; by the same plugin, too. */
  claim(plugin: string, claim: Claim): void {
    this.check(plugin, claim);
    if (claim.key === undefined) {
      this.#simple.set(claim.field, plugin);
      return;
    }
    const entries = this.#compound.get(claim.field) ?? new Map<string, string>();
    this.#compound.set(claim.field, entries.set(claim.key, plugin));
  }

  /** Throws as `claim`, and claims nothing. */
  check(plugin: string, claim: Claim): void {
    const owner = this.ownerOf(claim);
    if (owner === undefined) return;
    const what = claim.key === undefined ? claim.label : `${claim.label} ${quote(claim.key)}`;
    const who = owner === plugin ? `plugin "${plugin}" sets twice` : `plugins "${owner}" and "${plugin}" both set`;
    throw new StatusError(Code.FailedPrecondition, `adjusting container "${this.#containerId}": ${who} its ${what}`);
  }

  /** Makes it anybody's again. */
  clear({ field, key }: Pick<Claim, "field" | "key">): void {
    if (key === undefined) this.#simple.delete(field);
    else this.#compound.get(field)?.delete(key);
  }

  ownerOf({ field, key }: Pick<Claim, "field" | "key">): string | undefined {
    return key === undefined ? this.#simple.get(field) : this.#compound.get(field)?.get(key);
  }

  /** Adds one to the owners of a field that many may extend. */
  share(plugin: string, field: Field): void {
    const before = this.#simple.get(field);
    if (before?.split(",").includes(plugin) === true) return;
    this.#simple.set(field, before === undefined ? plugin : `${before},${plugin}`);
  }

  /** Every field that is owned, entries counted one by one. */
  counts(): ReadonlyMap<Field, number> {
    const counts = new Map<Field, number>([...this.#simple.keys()].map((field) => [field, 1]));
    for (const [field, entries] of this.#compound) if (entries.size > 0) counts.set(field, entries.size);
    return counts;
  }

  /** As validators are told. */
  message(): FieldOwnersMessage {
    const compound = [...this.#compound].map(([field, owners]) => [field, { owners: Object.fromEntries(owners) }]);
    return create(FieldOwnersSchema, {
      simple: Object.fromEntries(this.#simple),
      compound: Object.fromEntries(compound) as Record<number, { owners: Record<string, string> }>,
    });
  }
}
