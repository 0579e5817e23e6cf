import { equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { parseSeccompProfile } from "./index.ts";

test("a profile with rules and conditions is read", () => {
  const profile = parseSeccompProfile(
    JSON.stringify({
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 38,
      architectures: ["SCMP_ARCH_X86_64"],
      syscalls: [
        { names: ["read", "write"], action: "SCMP_ACT_ALLOW" },
        { names: ["socket"], action: "SCMP_ACT_ALLOW", args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }] },
      ],
    }),
    "p.json",
  );
  equal(profile.syscalls?.length, 2);
  equal(profile.defaultAction, "SCMP_ACT_ERRNO");
});

for (const [what, text] of [
  ["text", "hello"],
  ["an empty file", ""],
  ["a list", "[]"],
  ["null", "null"],
  ["no default action", "{}"],
  ["an unknown action", '{"defaultAction":"ALLOW"}'],
  ["a rule without names", '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"action":"SCMP_ACT_KILL","names":[]}]}'],
  ["a rule without action", '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"]}]}'],
  ["an operand that JSON does not keep", rule('{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}')],
  ["a mask that JSON does not keep", rule('{"index":0,"value":1,"valueTwo":9007199254740993,"op":"SCMP_CMP_EQ"}')],
  ["a negative operand", rule('{"index":0,"value":-1,"op":"SCMP_CMP_EQ"}')],
  ["rules in an object", '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":{}}'],
] as const) {
  test(`${what} is refused as a seccomp profile, naming the file`, () => {
    throws(() => parseSeccompProfile(text, "p.json"), { code: Code.InvalidArgument, message: /"p\.json"/ });
  });
}

function rule(condition: string): string {
  return `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_KILL","args":[${condition}]}]}`;
}
