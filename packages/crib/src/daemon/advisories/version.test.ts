import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import { formatVersion, hasFix, parseVersion } from "./version.ts";

test("versions are read from what programs print", () => {
  deepEqual(parseVersion("runc version 1.1.5+ds1\ncommit: x"), { numbers: [1, 1, 5] });
  deepEqual(parseVersion("runc version 1.4.0-rc.3+dev"), { numbers: [1, 4, 0], candidate: 3 });
  deepEqual(parseVersion("runc version 1.0.0~rc93+ds1"), { numbers: [1, 0, 0], candidate: 93 });
  deepEqual(parseVersion("crun version 1.20"), { numbers: [1, 20, 0] });
  deepEqual(parseVersion("  Version:  v2.0.7\n"), { numbers: [2, 0, 7] });
  deepEqual(parseVersion("CNI bridge plugin v1.1.1~ds1"), { numbers: [1, 1, 1] });
  equal(parseVersion("no number here"), undefined);
});

test("versions are written as they are read", () => {
  for (const text of ["1.4.0-rc.3", "1.2.8"]) equal(formatVersion(parseVersion(text) ?? { numbers: [0, 0, 0] }), text);
});

const isFixed = (version: string, fixedIn: readonly string[]): boolean => {
  const parsed = parseVersion(version);
  if (!parsed) throw new Error(`"${version}" is no version`);
  return hasFix(parsed, fixedIn);
};

test("a fix holds in its own line and in all newer ones", () => {
  const fixedIn = ["1.2.8", "1.3.3"];
  for (const fixed of ["1.2.8", "1.3.10", "1.4.0", "2.0.0"]) equal(isFixed(fixed, fixedIn), true, fixed);
  for (const open of ["1.2.7", "1.3.2", "1.1.99"]) equal(isFixed(open, fixedIn), false, open);
});

test("a fix of a release candidate is in those after it, and in the release", () => {
  const fixedIn = ["1.3.6", "1.4.0-rc.3"];
  for (const fixed of ["1.4.0-rc.3", "1.4.0-rc.10", "1.4.0", "1.4.1", "1.5.0-rc.1"]) {
    equal(isFixed(fixed, fixedIn), true, fixed);
  }
  for (const open of ["1.4.0-rc.2", "1.4.0-rc.1+dev", "1.3.6-rc.1"]) equal(isFixed(open, fixedIn), false, open);
});
