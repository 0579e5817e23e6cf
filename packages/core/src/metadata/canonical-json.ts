import { hash } from "node:crypto";

/** JSON with the keys of every object in order, so that equal values have equal texts. Members that are undefined are left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (member === null || typeof member !== "object" || Array.isArray(member)) return member;
    const entries = Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return Object.fromEntries(entries);
  });
}

/** SHA-256 of a text in hexadecimal. */
export function checksum(text: string): string {
  return hash("sha256", text, "hex");
}
