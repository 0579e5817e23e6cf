import { Code, StatusError } from "@crib/errdefs";

import type { Sandbox } from "./types.ts";

/**
 * A sandbox as JSON text, the form in which crib passes it on: to shims in `sandbox.json` of their bundle, to sandboxers in the
 * extension `dev.crib/sandbox`. `config` is base64.
 */
export function formatSandbox(sandbox: Sandbox): string {
  return JSON.stringify({ ...sandbox, config: Buffer.from(sandbox.config).toString("base64") });
}

/** Reads what `formatSandbox` wrote. InvalidArgument when it is no such text; `from` says in the error where it came from. */
export function parseSandbox(text: string, from: string): Sandbox {
  const refuse = (why: string): StatusError =>
    new StatusError(Code.InvalidArgument, `reading the sandbox in ${from}: ${why}`);
  const value = parse(text, refuse);
  const { id, config, pod, namespaces, cgroupPath } = value;
  if (typeof id !== "string" || id === "") throw refuse("no id");
  if (typeof config !== "string") throw refuse("no config");
  if (typeof cgroupPath !== "string" || !isObject(pod) || !isObject(namespaces)) throw refuse("parts are missing");
  return { ...value, config: new Uint8Array(Buffer.from(config, "base64")) } as unknown as Sandbox;
}

function parse(text: string, refuse: (why: string) => StatusError): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse("not JSON");
  }
  if (!isObject(value)) throw refuse("not an object");
  return value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
