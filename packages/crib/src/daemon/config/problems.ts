import type { z } from "zod";

import { type ConfigFile, fileSchema, tables } from "./file-schema.ts";
import { nearestKey } from "./nearest-key.ts";

type Path = readonly PropertyKey[];

/** Checks a parsed TOML document. `problems` has one sentence for each mistake, naming key and table. */
export function checkFile(document: unknown): { readonly file?: ConfigFile; readonly problems: readonly string[] } {
  const result = fileSchema.safeParse(document);
  if (result.success) return { file: result.data, problems: [] };
  return { problems: result.error.issues.flatMap((issue) => explain(issue, document, [])) };
}

function explain(issue: z.core.$ZodIssue, document: unknown, base: Path): string[] {
  const path = [...base, ...issue.path];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(key, path));
    case "invalid_union": {
      // The branch that fits the value's own type says most about what is wrong inside it.
      const inner = issue.errors.find((branch) =>
        branch.every((each) => each.code !== "invalid_type" || each.path.length),
      );
      if (inner?.length) return inner.flatMap((each) => explain(each, document, path));
      return [wrong(path, document, issue.message)];
    }
    case "invalid_key":
      return issue.issues.map((each) => wrong(path, document, `bad name: ${each.message}`));
    case "invalid_type":
      return [wrong(path, document, `expected ${article(issue.expected)}`)];
    case "invalid_value":
      return [wrong(path, document, `expected one of ${issue.values.map((each) => JSON.stringify(each)).join(", ")}`)];
    case "too_small":
      return [wrong(path, document, `expected at least ${issue.minimum}${entries(issue.origin)}`)];
    case "too_big":
      return [wrong(path, document, `expected at most ${issue.maximum}${entries(issue.origin)}`)];
    case "invalid_format":
    case "not_multiple_of":
    case "invalid_element":
    case "custom":
      break;
  }
  return [wrong(path, document, issue.message)];
}

function unknownKey(key: string, table: Path): string {
  const known = Object.keys(tableAt(table)?.shape ?? {});
  const nearest = nearestKey(key, known);
  const place = table.length ? ` in [${dotted(table)}]` : " at the top";
  const hint = nearest === undefined ? `known keys are ${known.join(", ")}` : `did you mean ${nearest}?`;
  return `unknown key ${key}${place}; ${hint}`;
}

function tableAt(path: Path): z.ZodObject | undefined {
  const isNamed = (path[0] === "runtimes" || path[0] === "sandboxers") && path.length > 1;
  return tables[dotted(isNamed ? path.with(1, "NAME") : path)];
}

function wrong(path: Path, document: unknown, expected: string): string {
  // An element of a list is named by the list's key: `bin_dirs[1]`.
  const keyAt = path.findLastIndex((part) => typeof part !== "number");
  const place = keyAt > 0 ? `[${dotted(path.slice(0, keyAt))}] ` : "";
  const indices = path.slice(keyAt + 1).map((index) => `[${String(index)}]`);
  const key = String(path[keyAt] ?? "the file") + indices.join("");
  return `${place}${key} = ${shown(valueAt(document, path))}: ${expected}`;
}

function valueAt(document: unknown, path: Path): unknown {
  let value = document;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
  return value;
}

function shown(value: unknown): string {
  const text =
    JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? Number(each) : each)) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function dotted(path: Path): string {
  return path.map(String).join(".");
}

function article(type: string): string {
  if (type === "int") return "a whole number";
  if (type === "object" || type === "record") return "a table";
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function entries(origin: string): string {
  return origin === "array" ? " in the list" : "";
}
