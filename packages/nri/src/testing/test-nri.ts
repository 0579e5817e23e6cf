import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Container,
  ContainerSchema,
  type ContainerUpdate,
  type PodSandbox,
  PodSandboxSchema,
} from "@crib/wire/nri";

import { createNri } from "../create-nri.ts";
import type { Nri, NriHost, NriOptions } from "../types.ts";
import { noValidator } from "./no-validator.ts";

/** A line of the log. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A host of pods and containers that are only written down. */
export interface FakeHost extends NriHost {
  pods: PodSandbox[];
  containers: Container[];
  readonly updates: ContainerUpdate[];
  readonly evicted: string[];
  /** How often creations were held, and released again. */
  holds: number;
  releases: number;
  /** Ids whose updates fail. */
  readonly failing: Set<string>;
}

/** What runs in a test. */
export interface TestNri {
  readonly nri: Nri;
  readonly host: FakeHost;
  readonly socket: string;
  readonly directory: string;
  readonly log: readonly LogLine[];
  /** Sets other limits for what begins from now on. */
  readonly limit: (limits: TestLimits) => void;
}

/** How long plugins have, in milliseconds. */
export type TestLimits = Partial<
  Pick<NriOptions, "registrationTimeoutMs" | "requestTimeoutMs" | "synchronizeTimeoutMs">
>;

/** So long that only a plugin that hangs is late, however slow the machine. */
export const patient = { registrationTimeoutMs: 60_000, requestTimeoutMs: 60_000, synchronizeTimeoutMs: 60_000 };

/** A started runtime side in a directory of its own; both go with the test. Its limits are `patient` where the options have none. */
export async function startTestNri(t: TestContext, options: Partial<NriOptions> = {}): Promise<TestNri> {
  const directory = mkdtempSync(join(tmpdir(), "crib-nri-"));
  const socket = join(directory, "nri.sock");
  const log: LogLine[] = [];
  const all: NriOptions = {
    enable: true,
    socket,
    pluginDir: join(directory, "plugins"),
    pluginConfigDir: join(directory, "conf.d"),
    ...patient,
    disableConnections: false,
    defaultValidator: noValidator,
    ...options,
  };
  const nri = createNri(all, (level, message, fields) => log.push({ level, message, fields }));
  t.after(async () => {
    await nri.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const host = fakeHost();
  await nri.start(host);
  return { nri, host, socket, directory, log, limit: (limits) => void Object.assign(all, limits) };
}

/** A host without pods. */
export function fakeHost(): FakeHost {
  const host: FakeHost = {
    pods: [],
    containers: [],
    updates: [],
    evicted: [],
    holds: 0,
    releases: 0,
    failing: new Set(),
    hold: async () => {
      host.holds += 1;
      const release = (): void => void (host.releases += 1);
      return { pods: host.pods, containers: host.containers, release };
    },
    update: async (updates) => {
      host.updates.push(...updates);
      return updates.filter(({ containerId }) => host.failing.has(containerId));
    },
    evict: async ({ containerId }) => void host.evicted.push(containerId),
  };
  return host;
}

/** A pod of an event. */
export function testPod(init: MessageInitShape<typeof PodSandboxSchema> = {}): PodSandbox {
  return create(PodSandboxSchema, { id: "pod1", name: "web", uid: "u1", namespace: "default", ...init });
}

/** A container of an event. */
export function testContainer(init: MessageInitShape<typeof ContainerSchema> = {}): Container {
  const defaults: MessageInitShape<typeof ContainerSchema> = {
    id: "c1",
    podSandboxId: "pod1",
    name: "nginx",
    linux: {},
  };
  return create(ContainerSchema, { ...defaults, ...init } as MessageInitShape<typeof ContainerSchema>);
}

/** Waits until something is so; fails after a minute, saying what was waited for. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const endsAt = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > endsAt) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
