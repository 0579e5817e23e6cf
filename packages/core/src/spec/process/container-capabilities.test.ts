import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { capabilitiesOf, heldCapabilities, knownCapabilities } from "./capability-names.ts";
import { containerCapabilities } from "./container-capabilities.ts";

const ordinary = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];
const without = (names: readonly string[], name: string): readonly string[] => names.filter((each) => each !== name);

for (const { what, add = [], drop = [], addAmbient = [], privileged = false, gives, ambient = [] } of [
  { what: "the ordinary ones", gives: ordinary },
  {
    what: "one more, in either spelling",
    add: ["net_admin", "CAP_SYS_TIME"],
    gives: [...ordinary, "CAP_NET_ADMIN", "CAP_SYS_TIME"],
  },
  { what: "one less", drop: ["CHOWN"], gives: without(ordinary, "CAP_CHOWN") },
  { what: "none", drop: ["ALL"], gives: [] },
  { what: "one only", drop: ["ALL"], add: ["CHOWN"], gives: ["CAP_CHOWN"] },
  { what: "all", add: ["ALL"], gives: knownCapabilities },
  { what: "all but one", add: ["ALL"], drop: ["CHOWN"], gives: without(knownCapabilities, "CAP_CHOWN") },
  { what: "none where both are all", add: ["ALL"], drop: ["ALL"], gives: [] },
  { what: "not one that is both added and dropped", add: ["SYS_TIME"], drop: ["SYS_TIME"], gives: ordinary },
  { what: "all where privileged, whatever is dropped", privileged: true, drop: ["ALL"], gives: knownCapabilities },
  {
    what: "ambient ones where asked",
    drop: ["ALL"],
    addAmbient: ["NET_BIND_SERVICE"],
    gives: ["CAP_NET_BIND_SERVICE"],
    ambient: ["CAP_NET_BIND_SERVICE"],
  },
  {
    what: "no ambient one that is dropped",
    drop: ["KILL"],
    addAmbient: ["KILL"],
    gives: without(ordinary, "CAP_KILL"),
  },
]) {
  test(`a container has ${what}`, () => {
    const sets = containerCapabilities({ privileged, capabilities: { add, drop, addAmbient } }, knownCapabilities);
    for (const set of [sets.bounding, sets.effective, sets.permitted]) {
      deepEqual([...set].sort(), [...gives].sort());
    }
    deepEqual([sets.inheritable, sets.ambient], [ambient, ambient]);
  });
}

test("what the daemon lacks itself is left out, not an error", () => {
  const available = without(knownCapabilities, "CAP_SYS_RESOURCE").slice(0, 30);
  const capabilities = { add: ["ALL", "SYS_RESOURCE"], drop: [], addAmbient: ["SYS_RESOURCE"] };
  const sets = containerCapabilities({ privileged: false, capabilities }, available);
  deepEqual(sets.bounding, available);
  deepEqual(sets.ambient, []);
});

test("unknown names are refused", () => {
  for (const name of ["", "CAP_", "NET_ADMIN ", "CAP_CAP_CHOWN", "EVERYTHING"]) {
    for (const key of ["add", "drop", "addAmbient"]) {
      const capabilities = { add: [], drop: [], addAmbient: [], [key]: [name] };
      throws(() => containerCapabilities({ privileged: true, capabilities }, knownCapabilities), {
        code: Code.InvalidArgument,
      });
    }
  }
});

test("sets of the kernel are read by their bits", () => {
  equal(knownCapabilities.length, 41);
  deepEqual(capabilitiesOf("0000000000000021"), ["CAP_CHOWN", "CAP_KILL"]);
  deepEqual(capabilitiesOf("10000000000"), ["CAP_CHECKPOINT_RESTORE"]);
  deepEqual(capabilitiesOf("ffffffffffffffff"), knownCapabilities);
  ok(heldCapabilities().every((name) => knownCapabilities.includes(name)));
});
