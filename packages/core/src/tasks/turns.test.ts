import { deepEqual, rejects } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Turns } from "./turns.ts";

test("calls of one key run in order, also after a failure; other keys do not wait", async () => {
  const turns = new Turns();
  const seen: string[] = [];
  const body = (name: string, ms: number) => async (): Promise<void> => {
    seen.push(`+${name}`);
    await sleep(ms);
    seen.push(`-${name}`);
    if (name === "a") throw new Error("a fails");
  };
  const first = rejects(turns.take("k", body("a", 30)), /a fails/);
  const second = turns.take("k", body("b", 0));
  const other = turns.take("other", body("c", 0));
  await Promise.all([first, second, other]);
  deepEqual(seen, ["+a", "+c", "-c", "-a", "+b", "-b"]);
});
