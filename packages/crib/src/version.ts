import { readFileSync } from "node:fs";

/** The version of crib, as in its package. */
export function cribVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}
