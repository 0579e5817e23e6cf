import { Code, StatusError } from "@crib/errdefs";

import type { SeccompProfile } from "./runtime-spec.ts";

const actions = new Set([
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_NOTIFY",
]);

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === "string";
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);
const isAction = (value: unknown): value is string => isText(value) && actions.has(value);
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isSafeInteger(value);
/** Larger ones, which the specification has, would not survive JSON here: a comparison must not silently be with another. */
const isOperand = (value: unknown): boolean => isNumber(value) && value >= 0;
const isAbsentOr = (value: unknown, is: (value: unknown) => boolean): boolean => value === undefined || is(value);

function isRule(value: unknown): boolean {
  return (
    isObject(value) &&
    isTexts(value["names"]) &&
    value["names"].length > 0 &&
    isAction(value["action"]) &&
    isAbsentOr(value["errnoRet"], isNumber) &&
    (value["args"] === null || isAbsentOr(value["args"], (args) => Array.isArray(args) && args.every(isCondition)))
  );
}

function isCondition(value: unknown): boolean {
  return (
    isObject(value) &&
    isNumber(value["index"]) &&
    isOperand(value["value"]) &&
    isAbsentOr(value["valueTwo"], isOperand) &&
    isText(value["op"])
  );
}

/**
 * Reads a seccomp profile in the form of the OCI runtime specification. InvalidArgument when it is no JSON, has no
 * default action, or a rule is not well formed, which numbers of 2^53 and more are too; `name` is quoted in the message.
 */
export function parseSeccompProfile(text: string, name: string): SeccompProfile {
  const refuse = (why: string, cause?: unknown): StatusError =>
    new StatusError(Code.InvalidArgument, `reading seccomp profile "${name}": ${why}`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse("not JSON", error);
  }
  if (!isObject(value)) throw refuse("not an object");
  if (!isAction(value["defaultAction"])) throw refuse("no valid defaultAction");
  for (const key of ["architectures", "flags"]) {
    if (!isAbsentOr(value[key], isTexts)) throw refuse(`${key} is not a list of names`);
  }
  const rules = value["syscalls"];
  if (!isAbsentOr(rules, Array.isArray)) throw refuse("syscalls is not a list");
  const bad = ((rules ?? []) as unknown[]).findIndex((rule) => !isRule(rule));
  if (bad !== -1) throw refuse(`rule ${bad + 1} is not well formed (numbers are whole and below 2^53)`);
  return value as unknown as SeccompProfile;
}
