import { readFileSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";
import { parse, TomlError } from "smol-toml";

import { nearestKey } from "./nearest-key.ts";
import { checkFile } from "./problems.ts";
import { contradictions, defaultConfigPath, resolveConfig } from "./resolve.ts";
import type { ConfigFlags, DaemonConfig } from "./types.ts";

const levels = ["trace", "debug", "info", "warn", "error", "fatal"];

/** The outcome of reading a configuration: it, or every mistake in it, one sentence each. */
export type ConfigCheck =
  | { readonly kind: "valid"; readonly config: DaemonConfig }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** Reads a configuration text (TOML 1.0) under the flags. */
export function parseConfig(text: string, flags: ConfigFlags = {}): ConfigCheck {
  let document: unknown;
  try {
    document = parse(text);
  } catch (reason) {
    if (!(reason instanceof TomlError)) throw reason;
    const why = reason.message.split("\n", 1)[0] ?? "";
    return { kind: "invalid", problems: [`line ${reason.line}, column ${reason.column}: ${why}`] };
  }
  const { file, problems } = checkFile(document);
  if (!file) return { kind: "invalid", problems };
  const mistyped = flagProblems(flags);
  if (mistyped.length) return { kind: "invalid", problems: mistyped };
  const config = resolveConfig(file, flags);
  const contrary = contradictions(config);
  return contrary.length ? { kind: "invalid", problems: contrary } : { kind: "valid", config };
}

/**
 * Reads the file at `path`, or the default one, which may be missing. Errors: NotFound for a missing file that was
 * named, InvalidArgument with every mistake.
 */
export function loadConfig(path: string | undefined, flags: ConfigFlags = {}): DaemonConfig {
  const check = checkConfigFile(path, flags);
  if (check.kind === "valid") return check.config;
  const doing = `reading configuration "${path ?? defaultConfigPath}"`;
  throw new StatusError(Code.InvalidArgument, `${doing}: ${check.problems.join("; ")}`);
}

/** Like `loadConfig`, but gives the mistakes one by one. NotFound for a missing file that was named. */
export function checkConfigFile(path: string | undefined, flags: ConfigFlags = {}): ConfigCheck {
  return parseConfig(readText(path), flags);
}

function readText(path: string | undefined): string {
  try {
    return readFileSync(path ?? defaultConfigPath, "utf8");
  } catch (reason) {
    if (path === undefined && (reason as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw StatusError.from(reason, `reading configuration "${path ?? defaultConfigPath}"`);
  }
}

function flagProblems(flags: ConfigFlags): string[] {
  const paths: readonly (readonly [string, string | undefined])[] = [
    ["--root", flags.root],
    ["--state", flags.state],
    ["--socket", flags.socket],
    ["--cni-conf-dir", flags.cniConfDir],
    ["--netns-dir", flags.netnsDir],
    ...(flags.cniBinDirs ?? []).map((dir) => ["--cni-bin-dir", dir] as const),
  ];
  const problems = paths
    .filter(([, path]) => path !== undefined && !path.startsWith("/"))
    .map(([flag, path]) => `${flag} "${path}": expected an absolute path`);
  if (flags.logLevel !== undefined && !levels.includes(flags.logLevel)) {
    const nearest = nearestKey(flags.logLevel, levels);
    const hint = nearest === undefined ? `expected one of ${levels.join(", ")}` : `did you mean ${nearest}?`;
    problems.push(`--log-level "${flags.logLevel}": ${hint}`);
  }
  return problems;
}
