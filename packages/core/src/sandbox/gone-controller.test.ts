import { deepEqual, equal, rejects } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { addToCgroup, createCgroup, removeCgroup } from "@crib/linux";
import type { Sandbox, SandboxController } from "@crib/sandboxer";

import { identityOf } from "../tasks/process-identity.ts";
import { createGoneController } from "./gone-controller.ts";
import type { SandboxRecord } from "./types.ts";

const { signal } = new AbortController();
const needsRoot = { skip: process.getuid?.() === 0 ? false : "needs root for cgroups" };
const id = "b".repeat(64);
const cgroupPath = `/crib-gone-${process.pid}/crib-${id}`;

interface Scene {
  readonly controller: SandboxController;
  readonly removed: string[];
  readonly warned: Readonly<Record<string, unknown>>[];
  /** Pods, each with its controller, of which that may have something still. */
  readonly owed: readonly (readonly [string, string])[];
}

function openScene(instance?: SandboxRecord["facts"]["instance"]): Scene {
  const removed: string[] = [];
  const warned: Readonly<Record<string, unknown>>[] = [];
  const owed: (readonly [string, string])[] = [];
  const record = {
    id,
    plan: { cgroupPath, handler: { name: "vm", controller: "vmm" } },
    facts: instance ? { instance } : {},
  } as unknown as SandboxRecord;
  const controller = createGoneController({
    shims: { remove: async (bundle) => void removed.push(bundle) },
    owed: { note: async (owedId, controllerName) => void owed.push([owedId, controllerName]) },
    findSandbox: (wanted) => (wanted === id ? record : undefined),
    log: { warn: (fields) => warned.push(fields) },
  });
  return { controller, removed, warned, owed };
}

test("what only the controller can do is refused with its name", async () => {
  const { controller } = openScene();
  const refused = { code: Code.FailedPrecondition, message: /its controller "vmm" is not configured any more/ };
  await rejects(controller.create({ id } as Sandbox, signal), refused);
  await rejects(controller.endpoint(id, signal), refused);
  await rejects(controller.status(id, { verbose: false }, signal), refused);
  await rejects(controller.wait(id, signal), refused);
  await rejects(controller.update(id, {}, signal), refused);
});

test("what runs in the pod's cgroup ends, its bundle goes, and a process elsewhere is named", needsRoot, async (t) => {
  const [inside, outside] = [spawn("sleep", ["60"]), spawn("sleep", ["60"])];
  t.after(() => [inside, outside].forEach((child) => child.kill("SIGKILL")));
  t.after(() => removeCgroup(`/crib-gone-${process.pid}`));
  await createCgroup(cgroupPath);
  await addToCgroup(cgroupPath, inside.pid ?? 0);
  const pid = outside.pid ?? 0;
  const boundary = identityOf(pid);
  if (!boundary) throw new Error("there is no process");
  const scene = openScene({ process: boundary, createdAt: new Date().toISOString(), labels: {}, namespaces: {} });
  const ended = once(inside, "exit");
  await scene.controller.stop(id, { graceMs: 0 }, signal);
  deepEqual(await ended, [null, "SIGKILL"]);
  deepEqual(scene.warned, []);
  await scene.controller.shutdown(id, signal);
  deepEqual(scene.removed, [id]);
  deepEqual(scene.warned, [{ sandboxId: id, controller: "vmm", pid }]);
  deepEqual(scene.owed, [[id, "vmm"]]);
  equal(outside.exitCode, null);
});

test("an unknown id is stopped and shut down without a word", async () => {
  const { controller, warned, owed } = openScene();
  await controller.stop("c".repeat(64), { graceMs: 0 }, signal);
  await controller.shutdown("c".repeat(64), signal);
  deepEqual([warned, owed], [[], []]);
});
