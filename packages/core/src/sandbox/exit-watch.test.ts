import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";
import type { ExitStatus, SandboxController, SandboxPending, SandboxStatus } from "@crib/sandboxer";

import { RowOwners } from "../flow/row-owners.ts";
import type { SandboxStore } from "../metadata/sandbox-store.ts";
import { ExitWatch } from "./exit-watch.ts";
import { createSandboxRows } from "./sandbox-rows.ts";
import type { SandboxRecord } from "./types.ts";

/** A controller of which a test says what it tells. */
class FakeController {
  state: SandboxStatus["state"] = "ready";
  untold: SandboxPending | undefined;
  ends = new Map<string, PromiseWithResolvers<ExitStatus>>();
  /** Ids whose wait was given up. */
  readonly left: string[] = [];
  /** Done before `adopt` answers. */
  meanwhile: () => void = () => {};

  async adopt(): Promise<SandboxStatus> {
    await delay(1);
    this.meanwhile();
    const exit = { exitCode: 3, exitedAt: new Date() };
    return { state: this.state, info: {}, ...(this.state === "exited" && { exit }) };
  }

  async wait(id: string, signal: AbortSignal): Promise<ExitStatus> {
    const end = Promise.withResolvers<ExitStatus>();
    this.ends.set(id, end);
    signal.addEventListener("abort", () => {
      this.left.push(id);
      end.reject(signal.reason as Error);
    });
    return await end.promise;
  }

  pending(): SandboxPending | undefined {
    return this.untold;
  }
}

/** Ready pods in memory, all of one controller. */
class Scene {
  readonly controllers = new Map<string, SandboxController>();
  readonly records = new Map<string, SandboxRecord>();
  /** What was done with what is in the pods. */
  readonly contents: string[] = [];
  readonly stopped: string[] = [];
  readonly watch: ExitWatch;

  constructor(t: TestContext, ...ids: readonly string[]) {
    for (const id of ids) this.records.set(id, record(id));
    const store = {
      list: () => [...this.records.values()],
      find: (id: string) => this.records.get(id),
      get: (id: string) => this.records.get(id),
      replace: (changed: SandboxRecord) => void this.records.set(changed.id, changed),
    } as unknown as SandboxStore;
    const unused = {} as never;
    const rows = createSandboxRows({ store, deps: unused, faults: unused, budgets: unused, endStrays: async () => {} });
    this.watch = new ExitWatch({
      bootId: "boot",
      store,
      rows,
      planning: { controllers: this.controllers },
      life: {
        owners: new RowOwners("sandbox"),
        stop: async (id, exit) => {
          this.stopped.push(`${id} ${exit?.exitCode}`);
          rows.change(id, { state: "notready" });
        },
      },
      contents: {
        leave: (id) => void this.contents.push(`leave ${id}`),
        takeUp: async (id) => void this.contents.push(`take up ${id}`),
      },
      log: { warn: () => {} },
    });
    t.after(() => this.watch.close());
  }

  /** Configures the controller. */
  open(): FakeController {
    const fake = new FakeController();
    this.controllers.set("vmm", fake as unknown as SandboxController);
    return fake;
  }

  reason(id: string): string | undefined {
    return this.records.get(id)?.unreachable?.reason;
  }
}

function record(id: string): SandboxRecord {
  return {
    id,
    state: "ready",
    bootId: "boot",
    plan: { handler: { name: "vm", controller: "vmm" }, config: "" },
    facts: { instance: { createdAt: new Date().toISOString(), labels: {}, namespaces: {} } },
    runs: [],
  } as unknown as SandboxRecord;
}

test("pods whose controller goes are kept, and taken up when it is back", async (t) => {
  const scene = new Scene(t, "a", "b");
  const first = scene.open();
  await scene.watch.reattach();
  scene.watch.leave("vmm");
  scene.controllers.delete("vmm");
  deepEqual(first.left, ["a", "b"]);
  match(scene.reason("a") ?? "", /not configured any more/);
  const second = scene.open();
  deepEqual(await scene.watch.takeUp("vmm"), { ready: 2, waiting: 0, ended: 0 });
  deepEqual(scene.contents, ["leave a", "leave b", "take up a", "take up b"]);
  equal(scene.reason("a"), undefined);
  // The end that the first one would have told of is nobody's; that of the second counts.
  first.ends.get("a")?.resolve({ exitCode: 1, exitedAt: new Date() });
  second.ends.get("b")?.resolve({ exitCode: 2, exitedAt: new Date() });
  await delay(1);
  deepEqual(scene.stopped, ["b 2"]);
});

test("a pod that was kept is not ready again before its controller tells of it", async (t) => {
  const scene = new Scene(t, "a");
  await scene.watch.reattach();
  const controller = scene.open();
  controller.state = "pending";
  controller.untold = { since: new Date(), reason: "nobody listens", readyUntil: new Date(Date.now() + 60_000) };
  const { since } = scene.records.get("a")?.unreachable ?? {};
  deepEqual(await scene.watch.takeUp("vmm"), { ready: 0, waiting: 1, ended: 0 });
  match(scene.reason("a") ?? "", /is configured, and does not tell of it yet/);
  equal(scene.records.get("a")?.unreachable?.since, since);
  await delay(300);
  ok(scene.reason("a"));
  controller.untold = undefined;
  for (let rounds = 0; scene.reason("a") !== undefined && rounds < 3_000; rounds++) await delay(20);
  equal(scene.reason("a"), undefined);
  deepEqual(scene.contents, ["take up a"]);
});

test("a pod that was kept and has ended meanwhile has its exit", async (t) => {
  const scene = new Scene(t, "a");
  await scene.watch.reattach();
  scene.open().state = "exited";
  deepEqual(await scene.watch.takeUp("vmm"), { ready: 0, waiting: 0, ended: 1 });
  deepEqual(scene.stopped, ["a 3"]);
  deepEqual(scene.contents, []);
});

test("a controller that goes while its pods are re-attached to leaves them kept", async (t) => {
  const scene = new Scene(t, "a");
  scene.open().meanwhile = () => {
    scene.watch.leave("vmm");
    scene.controllers.delete("vmm");
  };
  await scene.watch.reattach();
  match(scene.reason("a") ?? "", /not configured any more/);
  deepEqual(scene.stopped, []);
});

test("a pod whose controller goes while it is made is kept as well", async (t) => {
  const scene = new Scene(t, "a");
  scene.watch.follow("a");
  match(scene.reason("a") ?? "", /not configured any more/);
});

test("a wait that fails ends the pod, unless it was shut down by its own flow", async (t) => {
  const scene = new Scene(t, "a", "b");
  const controller = scene.open();
  await scene.watch.reattach();
  controller.ends.get("a")?.reject(new StatusError(Code.NotFound, "shut down"));
  controller.ends.get("b")?.reject(new StatusError(Code.Internal, "broken"));
  await delay(1);
  deepEqual(scene.stopped, ["b 255"]);
});
