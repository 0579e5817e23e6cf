import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { KeyedGate } from "./keyed-gate.ts";

const { signal } = new AbortController();

/** Work that says when it starts and ends when told. */
function openWork(log: string[], name: string): { readonly run: () => Promise<void>; readonly end: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    run: async () => {
      log.push(`+${name}`);
      await promise;
      log.push(`-${name}`);
    },
    end: resolve,
  };
}

test("exclusive holders of a key follow each other, those of another key do not wait", async () => {
  const gate = new KeyedGate("container");
  const log: string[] = [];
  const a = openWork(log, "a");
  const b = openWork(log, "b");
  const other = openWork(log, "other");
  const all = [
    gate.exclusive("1", signal, a.run),
    gate.exclusive("1", signal, b.run),
    gate.exclusive("2", signal, other.run),
  ];
  other.end();
  await all[2];
  a.end();
  b.end();
  await Promise.all(all);
  deepEqual(log, ["+a", "+other", "-other", "-a", "+b", "-b"]);
});

test("sharers run together, an exclusive one waits for them and is not overtaken", async () => {
  const gate = new KeyedGate("network");
  const log: string[] = [];
  const works = new Map(["s1", "s2", "x", "s3"].map((name) => [name, openWork(log, name)]));
  const enter = (name: string): Promise<void> => {
    const work = works.get(name) as ReturnType<typeof openWork>;
    return name === "x" ? gate.exclusive("n", signal, work.run) : gate.shared("n", signal, work.run);
  };
  const all = [...works.keys()].map(enter);
  await Promise.resolve();
  await new Promise(setImmediate);
  deepEqual(log, ["+s1", "+s2"]);
  for (const work of works.values()) work.end();
  await Promise.all(all);
  deepEqual(log, ["+s1", "+s2", "-s1", "-s2", "+x", "-x", "+s3", "-s3"]);
});

test("an aborted wait ends with the reason and lets those behind it pass; a failed holder frees the key", async () => {
  const gate = new KeyedGate("container");
  const log: string[] = [];
  const first = openWork(log, "first");
  const controller = new AbortController();
  const holding = gate.shared("1", signal, first.run);
  const waiting = gate.exclusive("1", controller.signal, async () => void log.push("never"));
  const behind = gate.shared("1", signal, async () => void log.push("behind"));
  controller.abort();
  await rejects(waiting, { code: Code.Canceled, message: /waiting for other CNI calls of container "1"/ });
  await behind;
  first.end();
  await holding;
  await rejects(
    gate.exclusive("1", signal, () => Promise.reject(new Error("it broke"))),
    /it broke/,
  );
  equal(await gate.exclusive("1", signal, async () => "free"), "free");
  deepEqual(log, ["+first", "behind", "-first"]);
});
