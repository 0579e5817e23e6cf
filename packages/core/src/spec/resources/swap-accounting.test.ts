import { equal } from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { temporaryDirectory } from "../testing/spec-input.ts";
import { hasSwapAccounting, limitsSwapV1, limitsSwapV2 } from "./swap-accounting.ts";

test("swap is limited where the file for it is", (t) => {
  const root = temporaryDirectory(t);
  const make = (path: string): void => writeFileSync(`${root}/${path}`, "");
  const [none, swaps] = [`${root}/none`, `${root}/swaps`];
  make("swaps");
  equal(limitsSwapV1(root), false);
  mkdirSync(`${root}/memory`);
  equal(limitsSwapV1(root), false);
  // No cgroup with limits yet.
  equal(limitsSwapV2(root, none), false);
  equal(limitsSwapV2(root, swaps), true);
  make("memory/memory.memsw.limit_in_bytes");
  equal(limitsSwapV1(root), true);
  make("memory/memory.max");
  equal(limitsSwapV2(root, swaps), false);
  make("memory/memory.swap.max");
  equal(limitsSwapV2(root, none), true);
});

test("the host is asked once", () => equal(hasSwapAccounting(1), hasSwapAccounting(1)));
