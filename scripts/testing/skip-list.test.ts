import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { parseSkipList } from "./skip-list.ts";

test("a skip list allows the names on it and those that begin as a starred one", () => {
  const list = parseSkipList("# comment\n\nan exact name\tno such kernel\nall of these*\tno such thing\n", "skips.txt");
  equal(list.allows("an exact name"), true);
  equal(list.allows("an exact name and more"), false);
  equal(list.allows("all of these and more"), true);
  equal(list.allows("# comment"), false);
  deepEqual(list.unused(["an exact name"]), ["all of these*"]);
});

test("a skip without a reason is refused by line", () => {
  throws(() => parseSkipList("a\tbecause\nb\n", "skips.txt"), /reading skips\.txt: line 2/);
});
