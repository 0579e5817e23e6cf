import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";
import type { SandboxController } from "@crib/sandboxer";

import { askController, measureByController } from "./ask-controller.ts";
import type { SandboxRecord } from "./types.ts";

const record = (more: Partial<SandboxRecord> = {}): SandboxRecord =>
  ({ id: "a", state: "ready", ...more }) as SandboxRecord;
const hangs = (): Promise<never> => new Promise(() => {});

function controller(more: Partial<SandboxController> = {}): SandboxController {
  return {
    status: async (id: string, { verbose }: { verbose: boolean }) => ({
      state: "ready",
      info: { id, asked: `${verbose}` },
    }),
    platform: async () => ({ os: "linux", architecture: "amd64", variant: "" }),
    metrics: async () => ({ timestamp: new Date(0), cpuUsageNanos: 7n }),
    ...more,
  } as unknown as SandboxController;
}

test("a controller is asked for its facts, platform and figures", async (t) => {
  const endpoint = { protocol: "ttrpc", address: "unix:///s", version: 3 } as const;
  deepEqual(await askController({ record: record(), controller: controller(), endpoint }, t.signal), {
    state: "ready",
    info: { id: "a", asked: "true" },
    platform: { os: "linux", architecture: "amd64", variant: "" },
    endpoint,
  });
  equal((await measureByController({ record: record(), controller: controller() }, t.signal))?.cpuUsageNanos, 7n);
});

test("one that hangs costs a second and its facts, and those it gave are shown", async (t) => {
  const before = performance.now();
  const half = { record: record(), controller: controller({ status: hangs, metrics: hangs }) };
  const [facts, metrics] = await Promise.all([askController(half, t.signal), measureByController(half, t.signal)]);
  ok(performance.now() - before >= 990);
  equal(facts?.info, undefined);
  equal(facts?.platform?.os, "linux");
  match(facts?.problem ?? "", /asking the controller/);
  equal(metrics, undefined);
});

test("one that fails, at once too, is named once", async (t) => {
  const fail = (): never => {
    throw new StatusError(Code.Unavailable, "nobody there");
  };
  const asked = { record: record(), controller: controller({ status: fail, platform: fail, metrics: fail }) };
  deepEqual(await askController(asked, t.signal), { problem: "nobody there" });
  equal(await measureByController(asked, t.signal), undefined);
});

test("one that is not configured any more, and those of pods that are not ready, are not asked", async (t) => {
  const unreachable = { reason: "its controller is away", since: "" };
  const facts = await askController({ record: record({ unreachable }), controller: undefined }, t.signal);
  deepEqual(facts, { problem: "its controller is away" });
  equal(await askController({ record: record({ state: "notready" }), controller: controller() }, t.signal), undefined);
  equal(await measureByController({ record: record({ unreachable }), controller: undefined }, t.signal), undefined);
});

test("the caller's cancellation ends it", async () => {
  const asked = { record: record(), controller: controller({ status: hangs, metrics: hangs }) };
  await rejects(askController(asked, AbortSignal.abort()));
  await rejects(measureByController(asked, AbortSignal.abort()));
});
