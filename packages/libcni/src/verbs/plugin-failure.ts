import { Code } from "@crib/errdefs";

import type { CniCommand, PluginExit } from "../execution/plugin-exec.ts";
import { excerpt, isJsonObject } from "../json.ts";
import { codeOfCniCode, PluginError } from "../plugin-error.ts";
import { errorSchema } from "../results/schema.ts";

/** The error of a run, or undefined when it exited with 0 and printed no error. */
export function pluginFailure(
  exit: PluginExit,
  call: { readonly plugin: string; readonly command: CniCommand; readonly doing: string },
): PluginError | undefined {
  const printed = readError(exit.stdout);
  // Some plugins print their error and exit with 0; the number of a result is never in "code".
  if (exit.exitCode === 0 && (printed === undefined || printed.code === 0)) return undefined;
  const { plugin, command, doing } = call;
  const base = { plugin, command, stderr: exit.stderr };
  if (printed === undefined) return new PluginError(Code.Unknown, `${doing}: ${withoutError(exit)}`, base);
  const { code, msg, details } = printed;
  const why = [msg || "no message", details]
    .filter((part) => part !== "")
    .map(oneLine)
    .join("; ");
  return new PluginError(codeOfCniCode(code), `${doing}: ${why} (CNI error ${code})`, {
    ...base,
    cniCode: code,
    details,
  });
}

function readError(
  stdout: string,
): { readonly code: number; readonly msg: string; readonly details: string } | undefined {
  if (!stdout.includes('"code"')) return undefined;
  try {
    const value: unknown = JSON.parse(stdout);
    return isJsonObject(value) ? errorSchema.safeParse(value).data : undefined;
  } catch {
    // No JSON: the caller quotes the text instead.
    return undefined;
  }
}

function withoutError({ exitCode, killedBy, stdout, stderr }: PluginExit): string {
  const end = killedBy === undefined ? `exited with ${exitCode}` : `was killed by ${killedBy}`;
  const said = stderr.trim() === "" ? "" : `; stderr: ${excerpt(stderr.trim().slice(-500), 500)}`;
  return stdout.trim() === ""
    ? `${end} without a message${said}`
    : `${end} and printed no CNI error: ${excerpt(stdout)}${said}`;
}

/** A plugin's own words, bounded and without control characters. */
function oneLine(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, 1000);
}
