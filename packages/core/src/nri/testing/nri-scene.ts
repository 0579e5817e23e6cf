import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { createNri, type Nri, type NriOptions } from "@crib/nri";
import { connectStubPlugin, noValidator, type StubOptions, type StubPlugin } from "@crib/nri/testing";
import type { RuntimeSpec } from "@crib/oci-spec";

import type { ContainerRecord, ContainerResources } from "../../containers/types.ts";
import type { SandboxRecord } from "../../sandbox/types.ts";
import { specInput } from "../../spec/testing/spec-input.ts";
import { createPluginHooks } from "../create-plugin-hooks.ts";
import type { NriHooks } from "../types.ts";

const input = specInput();

/** A pod that is ready. */
export function podRecord(changes: Partial<SandboxRecord> = {}): SandboxRecord {
  return { ...input.sandbox, ...changes };
}

/** A container of that pod. */
export function containerRecord(
  state: ContainerRecord["state"] = "running",
  changes: Partial<ContainerRecord> = {},
): ContainerRecord {
  return {
    version: 1,
    id: input.id,
    name: "nginx_web_default_uid_0",
    state,
    createdAt: "2026-11-21T07:00:00.123456789Z",
    bootId: "boot",
    plan: { ...input.plan, name: "nginx" },
    facts: {},
    runs: [],
    ...changes,
  };
}

/** A specification with a part of everything that plugins see. */
export function containerSpec(changes: Partial<RuntimeSpec> = {}): RuntimeSpec {
  return {
    ociVersion: "1.0.2",
    root: { path: "rootfs" },
    process: { user: { uid: 7, gid: 8 }, args: ["sleep", "1"], env: ["A=1", "B=x=y"], cwd: "/", oomScoreAdj: -5 },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/data/deep", type: "bind", source: "/host", options: ["rbind"] },
    ],
    annotations: { own: "1" },
    linux: {
      namespaces: [{ type: "mount" }, { type: "network", path: "/run/netns/x" }],
      cgroupsPath: "/pod/crib-c",
      resources: { cpu: { shares: 2 }, memory: { limit: 1_000_000 }, devices: [{ allow: false, access: "rwm" }] },
      seccomp: { defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }] },
    },
    ...changes,
  };
}

/** Hooks over a socket, and the pods and containers behind them. */
export interface NriScene {
  readonly nri: Nri;
  readonly hooks: NriHooks;
  sandboxes: SandboxRecord[];
  containers: ContainerRecord[];
  readonly specs: Map<string, RuntimeSpec>;
  readonly updated: { readonly containerId: string; readonly resources: ContainerResources }[];
  readonly stopped: string[];
  /** Connects a plugin and waits until it has joined. */
  join(options?: StubOptions): Promise<StubPlugin>;
  /** Sets other limits, in milliseconds, for what begins from now on. */
  readonly limit: (limits: Partial<Pick<NriOptions, "requestTimeoutMs" | "synchronizeTimeoutMs">>) => void;
  /** Connects a plugin. */
  connect(options?: StubOptions): Promise<StubPlugin>;
}

/** Starts hooks in a directory of their own; both go with the test. */
export async function nriScene(t: TestContext, options: Partial<NriOptions> = {}): Promise<NriScene> {
  const directory = mkdtempSync(join(tmpdir(), "crib-hooks-"));
  const socket = join(directory, "nri.sock");
  // So long that only a plugin that hangs is late, however slow the machine.
  const all: NriOptions = {
    enable: true,
    socket,
    pluginDir: join(directory, "plugins"),
    pluginConfigDir: join(directory, "conf.d"),
    registrationTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    synchronizeTimeoutMs: 60_000,
    disableConnections: false,
    defaultValidator: noValidator,
    ...options,
  };
  const nri = createNri(all);
  t.after(async () => {
    await nri.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const scene: NriScene = {
    nri,
    hooks: createPluginHooks(nri, {
      sandboxes: () => scene.sandboxes,
      containers: () => scene.containers,
      spec: async (id) => {
        const spec = scene.specs.get(id);
        return spec && JSON.stringify(spec);
      },
      update: async (containerId, resources) => void scene.updated.push({ containerId, resources }),
      stop: async (containerId) => void scene.stopped.push(containerId),
      features: input.features,
      options: input.options,
      log: () => {},
    }),
    sandboxes: [],
    containers: [],
    specs: new Map(),
    updated: [],
    stopped: [],
    limit: (limits) => void Object.assign(all, limits),
    connect: (stub = {}) => connectStubPlugin(socket, stub),
    join: async (stub = {}) => {
      const before = nri.plugins().length;
      const plugin = await scene.connect(stub);
      while (nri.plugins().length === before) {
        t.signal.throwIfAborted();
        await delay(2);
      }
      return plugin;
    },
  };
  await scene.hooks.start();
  return scene;
}
