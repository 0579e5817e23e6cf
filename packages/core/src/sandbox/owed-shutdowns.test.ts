import { deepEqual, equal } from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";
import type { SandboxController } from "@crib/sandboxer";

import { createRetries } from "../flow/retries.ts";
import { OwedShutdowns } from "./owed-shutdowns.ts";

const [a, b] = ["a".repeat(64), "b".repeat(64)];

/** A directory of debts, whose controllers write down what they are asked. */
function openScene(t: TestContext): {
  readonly dir: string;
  readonly shutDown: string[];
  readonly controllers: Map<string, SandboxController>;
  /** Configures a controller whose first calls fail. */
  readonly configure: (name: string, failures?: number) => void;
  readonly open: () => OwedShutdowns;
  readonly warnings: string[];
} {
  const parent = mkdtempSync(join(tmpdir(), "crib-owed-"));
  t.after(() => rmSync(parent, { recursive: true }));
  const dir = join(parent, "owed");
  const shutDown: string[] = [];
  const warnings: string[] = [];
  const controllers = new Map<string, SandboxController>();
  const configure = (name: string, failures = 0): void => {
    let left = failures;
    const shutdown = async (id: string): Promise<void> => {
      if (left-- > 0) throw new StatusError(Code.Unavailable, "nobody listens");
      shutDown.push(`${name} ${id}`);
    };
    controllers.set(name, { shutdown } as unknown as SandboxController);
  };
  const open = (): OwedShutdowns => {
    const warn = (_fields: object, message: string): void => void warnings.push(message);
    const log = { warn, info: (): void => {} };
    const owed = new OwedShutdowns({ dir, controllers, retries: createRetries(5, 20), log });
    t.after(() => owed.close());
    return owed;
  };
  return { dir, shutDown, controllers, configure, open, warnings };
}

test("nothing is owed without a note", async (t) => {
  const { open, configure, shutDown } = openScene(t);
  configure("vmm");
  await open().settle();
  deepEqual(shutDown, []);
});

test("a controller that is back frees what it has of pods that went without it, also in another daemon", async (t) => {
  const { dir, open, configure, shutDown } = openScene(t);
  const first = open();
  await first.note(a, "vmm");
  await first.note(a, "vmm");
  await first.note(b, "other");
  await first.settle();
  deepEqual(shutDown, []);
  first.close();
  configure("vmm");
  const second = open();
  await Promise.all([second.settle(), second.settle()]);
  deepEqual(shutDown, [`vmm ${a}`]);
  deepEqual(readdirSync(dir), [b]);
});

test("one that fails is asked again until it succeeds", async (t) => {
  const { dir, open, configure, shutDown } = openScene(t);
  configure("vmm", 2);
  const owed = open();
  await owed.note(a, "vmm");
  await owed.settle();
  deepEqual([shutDown, readdirSync(dir)], [[], [a]]);
  for (let rounds = 0; readdirSync(dir).length > 0 && rounds < 6_000; rounds++) await delay(10);
  deepEqual([shutDown, readdirSync(dir)], [[`vmm ${a}`], []]);
});

test("a try that is planned is dropped when another has succeeded", async (t) => {
  const { open, configure, shutDown, warnings } = openScene(t);
  configure("vmm", 1);
  const owed = open();
  await owed.note(a, "vmm");
  await owed.settle();
  await owed.settle();
  await delay(100); // the planned one would have come after 5 ms
  deepEqual([shutDown, warnings.length], [[`vmm ${a}`], 1]);
});

test("what a killed daemon was writing is no note", async (t) => {
  const { dir, open, configure, shutDown } = openScene(t);
  configure("vmm");
  const owed = open();
  await owed.note(a, "nobody");
  writeFileSync(join(dir, `${b}.new`), "vmm");
  await owed.settle();
  equal(shutDown.length, 0);
});
