import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import { hasFix, parseVersion } from "./version.ts";

test("versions are read from what programs print", () => {
  deepEqual(parseVersion("runc version 1.1.5+ds1\ncommit: x"), [1, 1, 5]);
  deepEqual(parseVersion("crun version 1.20"), [1, 20, 0]);
  deepEqual(parseVersion("  Version:  v2.0.7\n"), [2, 0, 7]);
  deepEqual(parseVersion("CNI bridge plugin v1.1.1~ds1"), [1, 1, 1]);
  equal(parseVersion("no number here"), undefined);
});

test("a fix holds in its own line and in all newer ones", () => {
  const fixedIn = ["1.2.8", "1.3.3"];
  equal(hasFix([1, 2, 8], fixedIn), true);
  equal(hasFix([1, 2, 7], fixedIn), false);
  equal(hasFix([1, 3, 2], fixedIn), false);
  equal(hasFix([1, 3, 10], fixedIn), true);
  equal(hasFix([1, 1, 99], fixedIn), false);
  equal(hasFix([1, 4, 0], fixedIn), true);
  equal(hasFix([2, 0, 0], fixedIn), true);
});
