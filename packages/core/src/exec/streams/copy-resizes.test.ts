import { deepEqual } from "node:assert/strict";
import { test } from "node:test";

import type { TerminalSize } from "../types.ts";
import { copyResizes } from "./copy-resizes.ts";

test("sizes come one at a time and in order, without those that mean nothing", async () => {
  const seen: number[] = [];
  let running = 0;
  async function* sizes(): AsyncGenerator<TerminalSize> {
    for (const width of [80, 0, 90, 100]) yield { width, height: 24 };
  }
  await copyResizes(sizes(), new Promise(() => {}), async ({ width }) => {
    running += 1;
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(width * running);
    running -= 1;
  });
  deepEqual(seen, [80, 90, 100]);
});

test("a process that ends is not held by a client that sends no size", async () => {
  async function* silent(): AsyncGenerator<TerminalSize> {
    await new Promise(() => {});
    yield { width: 1, height: 1 };
  }
  await copyResizes(silent(), Promise.resolve(), async () => {});
  await copyResizes(silent(), Promise.reject(new Error("lost")), async () => {});
});
