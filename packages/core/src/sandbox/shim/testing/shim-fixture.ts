import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { access, chmod, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  cgroupProcesses,
  createCgroup,
  findProcessesByEnv,
  killCgroup,
  pinNamespaces,
  processIdentity,
  readMounts,
  removeCgroup,
  unpinNamespace,
  waitProcessGone,
} from "@crib/linux";
import type { Sandbox, SandboxController } from "@crib/sandboxer";
import type { ControllerFixture, ControllerPeer } from "@crib/sandboxer/testing";

import { createShims, shimSocketPath, type Shims, type TaskLog } from "../../../tasks/index.ts";
import type { RuntimeHandler } from "../../types.ts";
import { createShimController } from "../controller.ts";
import type { ShimControllerBudgets } from "../types.ts";
import { faultsAnnotation, type ShimFaults } from "./shim-faults.ts";

/** What a fixture varies. */
export interface ShimFixtureOptions {
  readonly faults?: ShimFaults;
  /** Absolute path of another shim than the test's own. */
  readonly runtimePath?: string;
  /** Whether the boundary has a process; else the shim itself is all that can be taken away. Default true. */
  readonly hasBoundary?: boolean;
  readonly namespacePaths?: RuntimeHandler["namespacePaths"];
  /** What all sandboxes have beside the usual. */
  readonly change?: Partial<Sandbox>;
  readonly budgets?: Partial<ShimControllerBudgets>;
  readonly log?: TaskLog;
}

/** Short, so that a shim that hangs does not hold up a test; long enough for a busy machine. */
const shortBudgets: ShimControllerBudgets = { start: 20_000, stop: 1_500, shutdown: 1_500, other: 2_000 };

const serverProgram = join(import.meta.dirname, "fault-shim-server.ts");

/** What compiling the server gives is kept for the next one, which then starts in less than half the time. */
const cacheDir = mkdtempSync(join(tmpdir(), "crib-sh-cache-"));
process.once("exit", () => rmSync(cacheDir, { recursive: true, force: true }));

/** `start` forks the server, which writes into a pipe what is to be printed; there is nothing that `delete` has to do. */
const shimScript = `#!/bin/sh
for action; do :; done
[ "$action" = start ] || exit 0
mkfifo answer
NODE_COMPILE_CACHE="${cacheDir}" setsid "${process.execPath}" "${serverProgram}" serve </dev/null >/dev/null 2>server.err &
exec cat answer
`;

/** A `shim` controller over a state directory of its own, with real processes for shims. */
export class ShimFixture implements ControllerFixture {
  readonly dir: string;
  controller: SandboxController;
  shims: Shims;
  readonly peer: ControllerPeer;
  readonly #options: ShimFixtureOptions;
  readonly #cgroup = `/crib-sh-${randomBytes(4).toString("hex")}`;
  readonly #sandboxes: Sandbox[] = [];
  readonly #pins: string[] = [];

  constructor(dir: string, options: ShimFixtureOptions) {
    this.dir = dir;
    this.#options = options;
    [this.shims, this.controller] = this.#build();
    this.peer = {
      kill: async (sandbox) => {
        const server = await this.server(sandbox);
        process.kill(server.pid, "SIGKILL");
        await waitProcessGone(server, { timeoutMs: 5_000 });
      },
      freeze: async (sandbox) => {
        const server = await this.server(sandbox);
        process.kill(server.pid, "SIGSTOP");
        return {
          [Symbol.dispose]: () => {
            if (processIdentity(server.pid)?.startTime === server.startTime) process.kill(server.pid, "SIGCONT");
          },
        };
      },
    };
  }

  /** Makes the directories and the shim's program; nothing else is on the host before the first sandbox. */
  static async make(options: ShimFixtureOptions = {}): Promise<ShimFixture> {
    const dir = await realpath(await mkdtemp(join(tmpdir(), "crib-sh-")));
    await writeFile(join(dir, "shim"), shimScript);
    await chmod(join(dir, "shim"), 0o755);
    return new ShimFixture(dir, options);
  }

  #build(): [Shims, SandboxController] {
    const { runtimePath = join(this.dir, "shim"), budgets = {}, namespacePaths, log = () => undefined } = this.#options;
    const shims = createShims({
      stateDir: this.dir,
      eventsAddress: join(this.dir, "events.sock"),
      instance: this.dir,
      shimCgroup: "",
      log,
    });
    const handler: RuntimeHandler = {
      name: "shim",
      controller: "shim",
      runtimeType: "io.containerd.runc.v2",
      runtimePath,
      options: {},
      pause: "auto",
      cniConfDir: "",
      cniMaxConfNum: 1,
      podAnnotations: [],
      ...(namespacePaths && { namespacePaths }),
    };
    const controller = createShimController({
      shims,
      handlerOf: () => handler,
      log,
      budgets: { ...shortBudgets, ...budgets },
    });
    return [shims, controller];
  }

  async sandbox(change: Partial<Sandbox> = {}): Promise<Sandbox> {
    const id = randomBytes(32).toString("hex");
    const stateDir = join(this.dir, "sandboxes", id);
    await mkdir(join(stateDir, "ns"), { recursive: true });
    const net = `${stateDir}/ns/net`;
    pinNamespaces({ net });
    this.#pins.push(net);
    const cgroupPath = `${this.#cgroup}/crib-${id}`;
    await createCgroup(cgroupPath);
    const sandbox: Sandbox = {
      id,
      pod: { name: "web", namespace: "default", uid: "u-1", attempt: 0 },
      runtimeHandler: "shim",
      hostname: "pod",
      labels: {},
      annotations: { [faultsAnnotation]: JSON.stringify(this.#options.faults ?? {}) },
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
      shmPath: `${stateDir}/shm`,
      config: new Uint8Array(),
      ...this.#options.change,
      ...change,
    };
    this.#sandboxes.push(sandbox);
    return sandbox;
  }

  async restart(): Promise<SandboxController> {
    this.shims.close();
    [this.shims, this.controller] = this.#build();
    return this.controller;
  }

  /** The server of the sandbox's shim. */
  async server({ id }: Sandbox): Promise<{ readonly pid: number; readonly startTime: bigint }> {
    const marked = await findProcessesByEnv("CRIB_SHIM", `${this.dir}/${id}`);
    const server = marked.find(({ cmdline }) => cmdline.at(-1) === "serve");
    if (server === undefined) throw new Error(`no server of ${id}`);
    return server;
  }

  async destroyBoundary(sandbox: Sandbox): Promise<void> {
    if (this.#options.hasBoundary === false) return await this.peer.kill(sandbox);
    // The first process of the pod's cgroup; its children came later.
    const [pid = 0] = await cgroupProcesses(sandbox.cgroupPath);
    const boundary = processIdentity(pid);
    if (boundary === undefined) throw new Error(`no boundary of ${sandbox.id}`);
    process.kill(boundary.pid, "SIGKILL");
    await waitProcessGone(boundary, { timeoutMs: 5_000 });
  }

  async leftovers({ id, cgroupPath }: Sandbox): Promise<readonly string[]> {
    const [marked, inside] = await Promise.all([
      findProcessesByEnv("CRIB_SHIM", `${this.dir}/${id}`),
      cgroupProcesses(cgroupPath),
    ]);
    const left = [...new Set([...marked.map(({ pid }) => pid), ...inside])].map((pid) => `process ${pid}`);
    const socket = shimSocketPath(`${this.dir}/crib.sock`, "k8s.io", id);
    for (const path of [socket, `${this.dir}/tasks/${id}`, `${this.dir}/tasks/.${id}`]) {
      if (await exists(path)) left.push(path);
    }
    const pins = new Set(this.#pins);
    for (const { mountPoint } of await readMounts()) {
      if (mountPoint.includes(id) && !pins.has(mountPoint)) left.push(`mount ${mountPoint}`);
    }
    return left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Each is done even when those before it fail; the last in the list comes first.
    await using left = new AsyncDisposableStack();
    left.defer(() => rm(this.dir, { recursive: true, force: true }));
    left.defer(() => removeCgroup(this.#cgroup, { timeoutMs: 5_000 }));
    left.defer(() => this.shims.close());
    for (const path of this.#pins) left.defer(() => unpinNamespace(path));
    for (const { id, cgroupPath } of this.#sandboxes) {
      left.defer(() => killCgroup(cgroupPath, { timeoutMs: 5_000 }));
      left.defer(() => this.controller.shutdown(id, AbortSignal.timeout(30_000)));
    }
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
