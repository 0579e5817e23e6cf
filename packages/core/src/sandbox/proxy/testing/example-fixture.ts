import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import {
  createCgroup,
  killCgroup,
  pinNamespaces,
  processIdentity,
  removeCgroup,
  signalProcess,
  unpinNamespace,
  waitProcessGone,
} from "@crib/linux";
import type { Sandbox } from "@crib/sandboxer";
import type { ControllerFixture } from "@crib/sandboxer/testing";

import { createProxyController } from "../controller.ts";
import type { ProxyController } from "../types.ts";
import { type ExampleSandboxer, processesNaming } from "./example-sandboxer.ts";

/** A proxy controller before the example sandboxer, which may serve others too. */
export class ExampleFixture implements ControllerFixture {
  readonly dir: string;
  readonly example: ExampleSandboxer;
  controller: ProxyController;
  readonly #change: Partial<Sandbox>;
  readonly #cgroup = `/crib-px-${randomBytes(4).toString("hex")}`;
  readonly #sandboxes: Sandbox[] = [];

  constructor(dir: string, example: ExampleSandboxer, change: Partial<Sandbox>) {
    this.dir = dir;
    this.example = example;
    this.#change = change;
    this.controller = this.#build();
  }

  /** `change` is for each of its sandboxes. */
  static async make(example: ExampleSandboxer, change: Partial<Sandbox> = {}): Promise<ExampleFixture> {
    return new ExampleFixture(await mkdtemp(join(example.dir, "crib-")), example, change);
  }

  #build(): ProxyController {
    const { address } = this.example;
    return createProxyController({
      config: {
        name: "namespaces",
        address,
        network: "before-start",
        namespacePaths: "explicit",
        taskUpdates: "auto",
        io: "auto",
        pendingGraceMs: 60_000,
      },
      stateDir: this.dir,
      log: () => {},
      budgets: { probe: 20, other: 1_000 },
    });
  }

  async sandbox(): Promise<Sandbox> {
    const id = randomBytes(32).toString("hex");
    const stateDir = join(this.dir, "sandboxes", id);
    await mkdir(stateDir, { recursive: true });
    const net = join(stateDir, "net");
    pinNamespaces({ net });
    const cgroupPath = `${this.#cgroup}/crib-${id}`;
    await createCgroup(cgroupPath);
    const sandbox: Sandbox = {
      id,
      pod: { name: "web", namespace: "default", uid: "u-1", attempt: 0 },
      runtimeHandler: "namespaces",
      hostname: "pod",
      labels: {},
      annotations: {},
      namespaces: { net },
      pidMode: "container",
      hostNetwork: false,
      hostIpc: false,
      privileged: false,
      uidMappings: [],
      gidMappings: [],
      security: { supplementalGroups: [], readonlyRootfs: false, seccomp: { kind: "runtime-default" } },
      sysctls: {},
      cgroupPath,
      resources: {},
      overhead: {},
      rootDir: stateDir,
      stateDir,
      shmPath: "/dev/shm",
      config: new Uint8Array(),
      ...this.#change,
    };
    this.#sandboxes.push(sandbox);
    return sandbox;
  }

  async restart(): Promise<ProxyController> {
    await this.controller[Symbol.asyncDispose]();
    this.controller = this.#build();
    return this.controller;
  }

  /** Kills the process, or has the sandboxer stop what has none, past crib. */
  async destroyBoundary({ id }: Sandbox): Promise<void> {
    const { client } = this.example;
    const { pid } = await client.status({ sandboxId: id });
    const found = pid > 0 ? processIdentity(pid) : undefined;
    if (!found) return void (await client.stop({ sandboxId: id }));
    signalProcess(found, "SIGKILL");
    await waitProcessGone(found, { timeoutMs: 5_000 });
  }

  async leftovers({ id, stateDir, namespaces }: Sandbox): Promise<readonly string[]> {
    const left = (await processesNaming(id)).map((pid) => `process ${pid}`);
    const paths = [join(stateDir, "sandboxer.json"), join(this.example.dir, "namespaces", id)];
    for (const path of paths) if (await stat(path).catch(() => undefined)) left.push(path);
    for (const line of (await readFile("/proc/self/mountinfo", "utf8")).split("\n")) {
      const point = line.split(" ")[4] ?? "";
      if (point.includes(id) && point !== namespaces.net) left.push(`mount ${point}`);
    }
    return left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using left = new AsyncDisposableStack();
    left.defer(() => rm(this.dir, { recursive: true, force: true }));
    left.defer(() => removeCgroup(this.#cgroup, { timeoutMs: 5_000 }));
    left.use(this.controller);
    for (const { id, cgroupPath, namespaces } of this.#sandboxes) {
      left.defer(() => unpinNamespace(namespaces.net ?? ""));
      left.defer(() => killCgroup(cgroupPath, { timeoutMs: 5_000 }));
      left.defer(() => this.controller.shutdown(id, AbortSignal.timeout(10_000)));
    }
  }
}
