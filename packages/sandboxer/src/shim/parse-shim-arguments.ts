import { Code, StatusError } from "@crib/errdefs";

/** The command line of a Runtime v2 shim (containerd.md 2.3, 2.5). */
export interface ShimArguments {
  readonly command: "start" | "serve" | "delete" | "version" | "info";
  readonly namespace: string;
  /** The daemon's address, part of the name of the socket. */
  readonly address: string;
  readonly id: string;
  /** Empty: the current directory. */
  readonly bundle: string;
  readonly debug: boolean;
}

const switches = new Set(["debug", "v", "info"]);

/** Reads a command line as Go's flags are written: one or two dashes, the value behind `=` or as the next word. InvalidArgument, with what is wrong. */
export function parseShimArguments(words: readonly string[]): ShimArguments {
  const flags = new Map<string, string>();
  const rest: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    const [, name, , value] = /^--?([a-z][a-z-]*)(=(.*))?$/s.exec(word) ?? [];
    if (name === undefined) rest.push(word);
    else if (switches.has(name)) flags.set(name, value ?? "true");
    else flags.set(name, value ?? words[++index] ?? "");
  }
  const command = commandOf(flags, rest);
  const id = flags.get("id") ?? "";
  const namespace = flags.get("namespace") ?? "";
  if (command !== "version" && command !== "info") {
    if (id === "") throw refuse("no -id");
    if (namespace === "") throw refuse("no -namespace");
  }
  const debug = flags.get("debug") === "true";
  return { command, namespace, address: flags.get("address") ?? "", id, bundle: flags.get("bundle") ?? "", debug };
}

function commandOf(flags: ReadonlyMap<string, string>, rest: readonly string[]): ShimArguments["command"] {
  if (flags.has("v")) return "version";
  if (flags.has("info")) return "info";
  const [command] = rest;
  if (command === "start" || command === "serve" || command === "delete") return command;
  throw refuse(command === undefined ? "no command" : `unknown command "${command}"`);
}

function refuse(why: string): StatusError {
  return new StatusError(
    Code.InvalidArgument,
    `reading the command line of the shim: ${why}; expected start or delete`,
  );
}
