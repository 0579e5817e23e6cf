import { readFile } from "node:fs/promises";

/**
 * Reads a list of tests that may be skipped: one `name <TAB> reason` a line; empty lines and lines that start with `#` are left out.
 * A name that ends in `*` stands for all names that start so. A line without a reason is an error.
 */
export async function readSkipList(path: string): Promise<SkipList> {
  return parseSkipList(await readFile(path, "utf8"), path);
}

/** Tells which tests may be skipped. */
export interface SkipList {
  allows(name: string): boolean;
  /** The entries that match none of these names: they can be taken off the list. */
  unused(names: readonly string[]): readonly string[];
}

/** As {@link readSkipList}, from text; `path` is named in errors. */
export function parseSkipList(text: string, path: string): SkipList {
  const patterns: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [name = "", reason = ""] = line.split("\t");
    if (name === "" || reason.trim() === "") {
      throw new Error(`reading ${path}: line ${index + 1} is not "name <TAB> reason"`);
    }
    patterns.push(name);
  }
  return {
    allows: (name) => patterns.some((pattern) => matches(pattern, name)),
    unused: (names) => patterns.filter((pattern) => !names.some((name) => matches(pattern, name))),
  };
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
