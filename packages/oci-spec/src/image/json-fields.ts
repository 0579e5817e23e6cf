import { Code, StatusError } from "@crib/errdefs";

import { parseBoundedJson } from "./bounded-json.ts";
import { showValue } from "./show-value.ts";

type Members = Readonly<Record<string, unknown>>;

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * One object of a JSON document of hostile origin. Every getter checks the type and throws InvalidArgument with the path of
 * the field, what it has and what was expected. A member that is null counts as missing, as Go writes absent values so.
 */
export class JsonFields {
  readonly #members: Members;
  readonly #path: string;
  /** First part of all messages, such as `reading the manifest`. */
  readonly doing: string;

  private constructor(members: Members, path: string, doing: string) {
    this.#members = members;
    this.#path = path;
    this.doing = doing;
  }

  /** Reads a document. Errors: as of `parseBoundedJson`; InvalidArgument when it is no object. */
  static parse(bytes: Uint8Array, limitBytes: number, doing: string): JsonFields {
    const value = parseBoundedJson(bytes, { bytes: limitBytes }, doing);
    if (!isMembers(value)) {
      throw new StatusError(Code.InvalidArgument, `${doing}: is ${showValue(value)}, expected a JSON object`);
    }
    return new JsonFields(value, "", doing);
  }

  /** The member as it is; undefined when missing or null. */
  get(key: string): unknown {
    return Object.hasOwn(this.#members, key) ? (this.#members[key] ?? undefined) : undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** The error for a member whose value is not what was expected. */
  refuse(key: string, expected: string, value: unknown = this.get(key)): StatusError {
    return new StatusError(
      Code.InvalidArgument,
      `${this.doing}: ${this.#at(key)} is ${showValue(value)}, expected ${expected}`,
    );
  }

  string(key: string): string {
    const value = this.get(key);
    if (typeof value !== "string") throw this.refuse(key, "a text");
    return value;
  }

  /** Empty when missing. */
  optionalString(key: string): string {
    return this.has(key) ? this.string(key) : "";
  }

  /** A number of bytes: whole, from 0 to 2^53 - 1. */
  size(key: string): number {
    const value = this.get(key);
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
      throw this.refuse(key, "a number of bytes");
    }
    return value;
  }

  /** Undefined when missing. */
  optionalObject(key: string): JsonFields | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (!isMembers(value)) throw this.refuse(key, "an object");
    return new JsonFields(value, this.#at(key), this.doing);
  }

  /** Stands for an object that is missing and may be. */
  empty(key: string): JsonFields {
    return new JsonFields({}, this.#at(key), this.doing);
  }

  object(key: string): JsonFields {
    const fields = this.optionalObject(key);
    if (fields === undefined) throw this.refuse(key, "an object");
    return fields;
  }

  /** A list that must be there, of at most `limit` objects. */
  objects(key: string, limit: number): readonly JsonFields[] {
    const list = this.#list(key);
    if (list === undefined) throw this.refuse(key, "a list");
    if (list.length > limit) throw this.refuse(key, `a list of at most ${limit}`);
    return list.map((item: unknown, index) => {
      if (!isMembers(item)) throw this.refuse(`${key}[${index}]`, "an object", item);
      return new JsonFields(item, `${this.#at(key)}[${index}]`, this.doing);
    });
  }

  /** A list of texts; empty when missing. */
  strings(key: string): readonly string[] {
    return (this.#list(key) ?? []).map((item: unknown, index) => {
      if (typeof item !== "string") throw this.refuse(`${key}[${index}]`, "a text", item);
      return item;
    });
  }

  /** Members whose values are texts, or null for an empty one. Empty when the member is missing. */
  stringMap(key: string): ReadonlyMap<string, string> {
    const map = new Map<string, string>();
    const members = this.get(key) ?? {};
    if (!isMembers(members)) throw this.refuse(key, "an object");
    for (const [name, value] of Object.entries(members)) {
      if (value !== null && typeof value !== "string") throw this.refuse(`${key}[${showValue(name)}]`, "a text", value);
      map.set(name, value ?? "");
    }
    return map;
  }

  /** Names of the members of an object, whose values mean nothing. Empty when it is missing. */
  keys(key: string): readonly string[] {
    const members = this.get(key) ?? {};
    if (!isMembers(members)) throw this.refuse(key, "an object");
    return Object.keys(members);
  }

  #list(key: string): readonly unknown[] | undefined {
    const value = this.get(key);
    if (value !== undefined && !Array.isArray(value)) throw this.refuse(key, "a list");
    return value as readonly unknown[] | undefined;
  }

  #at(key: string): string {
    return this.#path === "" ? key : `${this.#path}.${key}`;
  }
}
