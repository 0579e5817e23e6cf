import { deepEqual, rejects } from "node:assert/strict";
import { test } from "node:test";

import { PluginGate } from "./plugin-gate.ts";

/** Lets everything that can go on now go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("steps go in together; a holder waits for those inside, and new ones for the holder", async (t) => {
  const gate = new PluginGate();
  const order: string[] = [];
  const [first, second] = await Promise.all([gate.enter(t.signal), gate.enter(t.signal)]);
  const held = gate.hold(t.signal).then((open) => {
    order.push("held");
    return open;
  });
  const third = gate.enter(t.signal).then((leave) => {
    order.push("third is in");
    return leave;
  });
  first();
  first(); // leaving twice is leaving once
  await settle();
  deepEqual(order, []);
  second();
  const open = await held;
  await settle();
  deepEqual(order, ["held"]);
  open();
  (await third)();
  deepEqual(order, ["held", "third is in"]);
});

test("a holder that gives up lets those go on that wait for it", async (t) => {
  const gate = new PluginGate();
  const leave = await gate.enter(t.signal);
  const ends = new AbortController();
  const held = gate.hold(ends.signal);
  const second = gate.enter(t.signal);
  ends.abort(new Error("too long"));
  await rejects(held, /waiting for steps that run before a plugin joins: too long/);
  (await second)();
  leave();
  (await gate.hold(t.signal))();
});

test("a step that gives up while it waits was never in", async (t) => {
  const gate = new PluginGate();
  const open = await gate.hold(t.signal);
  const ends = new AbortController();
  const entering = gate.enter(ends.signal);
  ends.abort(new Error("gone"));
  await rejects(entering, /gone/);
  open();
  (await gate.hold(t.signal))();
});

test("holders take turns", async (t) => {
  const gate = new PluginGate();
  const order: string[] = [];
  const turn = async (name: string): Promise<void> => {
    const open = await gate.hold(t.signal);
    order.push(`${name} holds`);
    await settle();
    order.push(`${name} opens`);
    open();
  };
  await Promise.all([turn("a"), turn("b")]);
  deepEqual(order, ["a holds", "a opens", "b holds", "b opens"]);
});
