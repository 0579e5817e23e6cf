import { equal } from "node:assert/strict";
import { test } from "node:test";

import { editDistance, nearestKey } from "./nearest-key.ts";

test("the distance counts insertions, deletions, substitutions and swaps", () => {
  equal(editDistance("root", "root"), 0);
  equal(editDistance("rot", "root"), 1);
  equal(editDistance("roots", "root"), 1);
  equal(editDistance("rood", "root"), 1);
  equal(editDistance("orot", "root"), 1);
  equal(editDistance("", "root"), 4);
});

test("the nearest key is named, a far one is not", () => {
  const known = ["conf_dir", "bin_dirs", "max_conf_num"];
  equal(nearestKey("confdir", known), "conf_dir");
  equal(nearestKey("bin_dir", known), "bin_dirs");
  equal(nearestKey("something_else", known), undefined);
});
