import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import type { SandboxController, SandboxResources } from "@crib/sandboxer";

import { planPodSandbox, type Planning, resolveHandler } from "./plan-pod-sandbox.ts";
import { testHandler } from "./testing/test-handler.ts";
import { testPodSandboxRequest } from "./testing/test-pod-sandbox-request.ts";
import type { RuntimeHandler, SandboxPlan } from "./types.ts";

const id = "a".repeat(64);

const overhead: SandboxResources = { cpuQuota: 10_000, memoryLimitBytes: 64 << 20 };
const handlers = [testHandler({ controller: "vmm" }), testHandler({ name: "vm", controller: "vmm", overhead })];

const planning: Planning = {
  places: { root: "/root", state: "/state", netnsDir: "/netns" },
  handlers: new Map(handlers.map((handler) => [handler.name, handler])),
  whyBroken: (name) => (name === "runc" ? "its shim is missing" : undefined),
  defaultHandler: "runc",
  controllers: new Map([["vmm", { declares: { netns: "crib", network: "parallel" } } as unknown as SandboxController]]),
  cgroups: { ownedAbove: () => [], isOwnedByOther: () => false },
  networksFor: () => [],
  networkNamed: () => {
    throw new Error("no pod asks for one");
  },
};

function plan(handler: RuntimeHandler | undefined, asked: SandboxResources): SandboxPlan {
  const request = testPodSandboxRequest({ pid: "container", resources: { cpuShares: 512 }, overhead: asked });
  if (!handler) throw new Error("no such handler");
  return planPodSandbox(planning, request, handler, id);
}

test("a pod that says nothing of its overhead has that of its handler", () => {
  const [runc, vm] = handlers;
  deepEqual(plan(vm, {}).overhead, overhead);
  deepEqual(plan(vm, { cpuShares: 2 }).overhead, { cpuShares: 2 });
  deepEqual(plan(runc, {}).overhead, {});
  deepEqual(plan(vm, {}).resources, { cpuShares: 512 });
});

test("a handler is found by its name, and refused where it is broken or not there", () => {
  equal(resolveHandler(planning, "vm"), handlers[1]);
  const broken = { code: Code.FailedPrecondition, message: 'runtime handler "runc": its shim is missing' };
  throws(() => resolveHandler(planning, "runc"), broken);
  throws(() => resolveHandler(planning, ""), broken);
  throws(() => resolveHandler(planning, "kata"), { code: Code.InvalidArgument, message: /there is "runc", "vm"/ });
});
