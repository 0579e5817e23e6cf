import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { processArgs } from "./process-args.ts";

for (const { what, command = [], args = [], entrypoint = [], cmd = [], gives } of [
  { what: "the image's entrypoint and command", entrypoint: ["/e"], cmd: ["c"], gives: ["/e", "c"] },
  {
    what: "a command of its own, without the image's arguments",
    command: ["/x"],
    entrypoint: ["/e"],
    cmd: ["c"],
    gives: ["/x"],
  },
  {
    what: "arguments of its own, with the image's entrypoint",
    args: ["a"],
    entrypoint: ["/e"],
    cmd: ["c"],
    gives: ["/e", "a"],
  },
  { what: "both of its own", command: ["/x"], args: ["a"], entrypoint: ["/e"], cmd: ["c"], gives: ["/x", "a"] },
  { what: "the command of an image whose entrypoint is one empty string", entrypoint: [""], cmd: ["c"], gives: ["c"] },
  { what: "an argument that is empty", command: ["/x"], args: [""], gives: ["/x", ""] },
]) {
  test(`a container runs ${what}`, () => deepEqual(processArgs({ command, args }, { entrypoint, cmd }), gives));
}

test("nothing to run and arguments with NUL are refused", () => {
  const refused = (command: readonly string[], entrypoint: readonly string[], message: RegExp): void =>
    throws(() => processArgs({ command, args: [] }, { entrypoint, cmd: [] }), { code: Code.InvalidArgument, message });
  refused([], [], /no command specified/);
  refused([], [""], /no command specified/);
  refused(["/x\0y"], [], /NUL/);
});
