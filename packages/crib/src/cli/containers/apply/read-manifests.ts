import { createHash } from "node:crypto";

import { Code, StatusError } from "@crib/errdefs";
import { parseAllDocuments } from "yaml";
import type { z } from "zod";

import { checkManifest } from "./check-manifest.ts";
import { findOtherFields } from "./other-fields.ts";
import { podManifest, type PodManifest } from "./pod-manifest.ts";

/** A pod that a file asks for. */
export interface ReadManifest {
  readonly manifest: PodManifest;
  /** Of everything that the document says, whatever the order of its fields. */
  readonly hash: string;
  /** What is not acted on, a sentence each. */
  readonly warnings: readonly string[];
}

/** Characters of a file; more is no manifest. */
const maxLength = 3 * 1024 * 1024;

/**
 * Reads the pods of a YAML or JSON text of one or more documents. InvalidArgument, a line for each mistake with path and value, when any
 * of them cannot be run as it is meant.
 */
export function readManifests(text: string, source: string): readonly ReadManifest[] {
  const doing = `reading ${source}`;
  if (text.length > maxLength)
    throw new StatusError(Code.InvalidArgument, `${doing}: longer than ${maxLength} characters`);
  const documents = parseAllDocuments(text);
  const values =
    "empty" in documents
      ? []
      : documents.map((document) => {
          const [error] = document.errors;
          if (error)
            throw new StatusError(Code.InvalidArgument, `${doing}: ${error.message.split("\n")[0]?.replace(/:$/, "")}`);
          return withoutNulls(document.toJS({ maxAliasCount: 100 }));
        });
  const present = values.filter((value) => value !== undefined);
  if (present.length === 0) throw new StatusError(Code.InvalidArgument, `${doing}: there is no document in it`);
  return present.map((value, index) => readOne(value, present.length > 1 ? `${doing}, document ${index + 1}` : doing));
}

function readOne(value: unknown, doing: string): ReadManifest {
  const fail = (problems: readonly string[]): StatusError =>
    new StatusError(Code.InvalidArgument, `${doing}: ${problems.join("; ")}`);
  const kind = (value as { readonly kind?: unknown }).kind;
  if (typeof kind === "string" && kind !== "Pod") {
    throw fail([`kind ${kind} needs a cluster; crib apply takes Pods only`]);
  }
  const result = podManifest.safeParse(value);
  if (!result.success) throw fail(result.error.issues.map((issue) => explain(issue, value)));
  const others = findOtherFields(value, result.data);
  const refused = others.filter(({ weight }) => weight === "refused").map(({ path, why }) => `${path}: ${why}`);
  const { problems, warnings } = checkManifest(result.data);
  if (refused.length + problems.length > 0) throw fail([...refused, ...problems]);
  return {
    manifest: result.data,
    hash: createHash("sha256").update(canonical(value)).digest("hex").slice(0, 40),
    warnings: [...others.map(({ path, why }) => `${path} is ignored: ${why}`), ...warnings],
  };
}

/** What is null in Kubernetes is not there. */
function withoutNulls(value: unknown): unknown {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object") return value;
  const entries = Object.entries(value).map(([key, each]) => [key, withoutNulls(each)] as const);
  return Object.fromEntries(entries.filter(([, each]) => each !== undefined));
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

function explain(issue: z.core.$ZodIssue, document: unknown): string {
  const path = issue.path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");
  const value = issue.path.reduce<unknown>(
    (at, part) => (at as Readonly<Record<PropertyKey, unknown>> | undefined)?.[part],
    document,
  );
  if (value === undefined && issue.code === "invalid_type") return `${path || "the document"}: is missing`;
  return `${path || "the document"} = ${shown(value)}: ${expected(issue)}`;
}

function expected(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") return `expected ${article(issue.expected)}`;
  if (issue.code === "invalid_value")
    return `expected ${issue.values.map((each) => JSON.stringify(each)).join(" or ")}`;
  if (issue.code === "too_small")
    return `expected at least ${issue.minimum}${issue.origin === "array" ? " in the list" : ""}`;
  if (issue.code === "too_big") return `expected at most ${issue.maximum}`;
  return issue.message;
}

function article(type: string): string {
  if (type === "int" || type === "number") return "a whole number";
  if (type === "record") return "an object";
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
