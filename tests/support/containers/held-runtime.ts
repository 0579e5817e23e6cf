import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Lane } from "../lane.ts";
import type { TomlValue } from "../to-toml.ts";

/** What the shim calls the runtime for. */
export type RuntimeVerb = "create" | "start" | "exec" | "kill" | "delete";

/** Where a call is held: before it does anything, or when all is done but the caller does not know it. */
export type HeldCall = RuntimeVerb | `after-${RuntimeVerb}`;

/** A runc that stands still where it is told to, until it is let go or killed. */
export interface HeldRuntime {
  /** From now on every call with this verb stands still there. */
  hold(call: HeldCall): void;
  release(call: HeldCall): void;
  /** Pids of the calls that stood still since `hold`. */
  held(call: HeldCall): readonly number[];
}

const program = (dir: string): string => `#!/bin/sh
# The global flags come first; none has a verb for its value.
for word in "$@"; do
  case $word in create | start | exec | kill | delete) break ;; esac
done
if [ -e "${dir}/hold-$word" ]; then
  echo $$ >>"${dir}/held-$word"
  while [ -e "${dir}/hold-$word" ]; do sleep 0.05; done
fi
if [ -e "${dir}/hold-after-$word" ]; then
  runc "$@"
  code=$?
  echo $$ >>"${dir}/held-after-$word"
  while [ -e "${dir}/hold-after-$word" ]; do sleep 0.05; done
  exit $code
fi
exec runc "$@"
`;

const dirOf = (lane: Pick<Lane, "dir">): string => join(lane.dir, "held-runtime");

/** Runtime handlers `held` and `held-paused` whose runc is this one, for the configuration of a node. */
export function heldRuntimes(lane: Lane): Readonly<Record<string, Readonly<Record<string, TomlValue>>>> {
  const dir = dirOf(lane);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "runc"), program(dir), { mode: 0o755 });
  const options = { BinaryName: join(dir, "runc") };
  return { held: { options }, "held-paused": { options, pause: "always" } };
}

/** That of a node whose configuration has `heldRuntimes`. */
export function heldRuntime(lane: Pick<Lane, "dir">): HeldRuntime {
  const dir = dirOf(lane);
  const hold = (verb: HeldCall): string => join(dir, `hold-${verb}`);
  const held = (verb: HeldCall): string => join(dir, `held-${verb}`);
  return {
    hold(verb) {
      rmSync(held(verb), { force: true });
      writeFileSync(hold(verb), "");
    },
    release: (verb) => rmSync(hold(verb), { force: true }),
    held: (verb) =>
      existsSync(held(verb)) ? readFileSync(held(verb), "utf8").split("\n").filter(Boolean).map(Number) : [],
  };
}
