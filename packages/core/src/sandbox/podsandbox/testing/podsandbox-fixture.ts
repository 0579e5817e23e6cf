import { createHash, randomBytes } from "node:crypto";
import { access, chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  createCgroup,
  killCgroup,
  pinNamespaces,
  pinNamespacesInUserns,
  processIdentity,
  removeCgroup,
  unpinNamespace,
  waitProcessGone,
} from "@crib/linux";
import type { NamespacePaths, Sandbox, SandboxController } from "@crib/sandboxer";
import type { ControllerFixture } from "@crib/sandboxer/testing";

import {
  createShims,
  serveShimEvents,
  type RuntimeOptionValues,
  type ShimBudgets,
  type ShimEvents,
  type Shims,
  type TaskLog,
} from "../../../tasks/index.ts";
import { createPodsandboxController } from "../controller.ts";
import type { PodsandboxOptions } from "../types.ts";
import { pauseDirectory } from "./pause-directory.ts";

/** What a fixture varies. */
export interface PodsandboxFixtureOptions {
  readonly pause: "auto" | "always";
  /** Default true, as in a handler. */
  readonly prestart?: boolean;
  /** Absolute path of the shim; empty: the one of PATH. */
  readonly runtimePath?: string;
  readonly runtimeType?: string;
  readonly options?: RuntimeOptionValues;
  readonly log?: TaskLog;
  /** Deadlines of Stop and of shims, where a test makes them pass. */
  readonly budgets?: PodsandboxOptions["budgets"];
  readonly shimBudgets?: Partial<ShimBudgets>;
}

/** The path of a static pause program on this machine; undefined where none is installed. */
export const pauseProgram = "/usr/bin/catatonit";

/** A `podsandbox` controller over a state directory of its own, with real shims. */
export class PodsandboxFixture implements ControllerFixture {
  readonly dir: string;
  readonly events: ShimEvents;
  controller: SandboxController;
  shims: Shims;
  readonly #options: PodsandboxFixtureOptions;
  readonly #cgroup: string;
  readonly #sandboxes: Sandbox[] = [];
  readonly #pins: string[] = [];

  constructor(dir: string, options: PodsandboxFixtureOptions, events: ShimEvents) {
    this.dir = dir;
    this.events = events;
    this.#options = options;
    this.#cgroup = `/crib-ps-${randomBytes(4).toString("hex")}`;
    [this.shims, this.controller] = this.#build();
  }

  /** Makes the directories and serves shim events; nothing else is on the host before the first sandbox. */
  static async make(options: PodsandboxFixtureOptions): Promise<PodsandboxFixture> {
    const dir = await realpath(await mkdtemp(join(tmpdir(), "crib-ps-")));
    await chmod(dir, 0o711); // root of a user namespace has to pass through
    const events = await serveShimEvents(join(dir, "events.sock"), AbortSignal.timeout(5_000));
    return new PodsandboxFixture(dir, options, events);
  }

  #build(): [Shims, SandboxController] {
    const log = this.#options.log ?? (() => undefined);
    const shims = createShims({
      stateDir: this.dir,
      eventsAddress: join(this.dir, "events.sock"),
      instance: this.dir,
      shimCgroup: `${this.#cgroup}/shims`,
      budgets: this.#options.shimBudgets ?? {},
      log,
    });
    const {
      pause,
      prestart = true,
      runtimePath = "",
      runtimeType = "io.containerd.runc.v2",
      options = {},
      budgets = {},
    } = this.#options;
    const controller = createPodsandboxController({
      shims,
      pauseRoots: pauseDirectory(join(this.dir, "root"), [pauseProgram, "-P"]),
      handlerOf: () => ({ runtimeType, runtimePath, options, pause, prestart }),
      budgets,
      log,
    });
    return [shims, controller];
  }

  async sandbox(change: Partial<Sandbox> = {}): Promise<Sandbox> {
    const id = randomBytes(32).toString("hex");
    const stateDir = join(this.dir, "sandboxes", id);
    await mkdir(join(stateDir, "ns"), { recursive: true });
    await mkdir(join(stateDir, "shm"));
    await writeFile(join(stateDir, "resolv.conf"), "");
    const namespaces = change.namespaces ?? (await this.#pin(stateDir, change));
    const cgroupPath = `${this.#cgroup}/crib-${id}`;
    await createCgroup(cgroupPath);
    const sandbox: Sandbox = {
      id,
      pod: { name: "web", namespace: "default", uid: "u-1", attempt: 0 },
      runtimeHandler: "runc",
      hostname: "pod",
      labels: {},
      annotations: {},
      namespaces,
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
      ...change,
    };
    this.#sandboxes.push(sandbox);
    return sandbox;
  }

  async #pin(stateDir: string, { uidMappings = [], gidMappings = [] }: Partial<Sandbox>): Promise<NamespacePaths> {
    const paths = { net: `${stateDir}/ns/net`, ipc: `${stateDir}/ns/ipc`, uts: `${stateDir}/ns/uts` };
    const user = `${stateDir}/ns/user`;
    this.#pins.push(...Object.values(paths), user);
    if (uidMappings.length === 0) {
      pinNamespaces({ ...paths, hostname: "pod" });
      return paths;
    }
    await pinNamespacesInUserns({ ...paths, user, uidMappings, gidMappings, hostname: "pod" });
    return { ...paths, user };
  }

  async restart(): Promise<SandboxController> {
    this.shims.close();
    [this.shims, this.controller] = this.#build();
    return this.controller;
  }

  async destroyBoundary(sandbox: Sandbox): Promise<void> {
    const pid = await readFile(join(this.shims.bundle(sandbox.id), "init.pid"), "utf8").catch(() => "0");
    const pause = Number(pid) > 0 ? processIdentity(Number(pid)) : undefined;
    if (pause === undefined) {
      await Promise.all(Object.values(sandbox.namespaces).map(unpinNamespace));
      return;
    }
    process.kill(pause.pid, "SIGKILL");
    await waitProcessGone(pause, { timeoutMs: 5_000 });
  }

  /** Processes whose command line or environment names the sandbox, or that are in its cgroup. */
  async processesOf({ id, cgroupPath }: Sandbox): Promise<readonly { pid: number; command: string }[]> {
    const found: { pid: number; command: string }[] = [];
    for (const name of await readdir("/proc")) {
      const pid = Number(name);
      if (!Number.isInteger(pid) || pid === process.pid) continue;
      const [command, environ, cgroups] = await Promise.all(
        ["cmdline", "environ", "cgroup"].map((file) => readFile(`/proc/${pid}/${file}`, "latin1").catch(() => "")),
      );
      if (command === "") continue; // a zombie holds nothing any more
      if (`${command} ${environ}`.includes(id) || cgroups?.includes(cgroupPath) === true) {
        found.push({ pid, command: (command ?? "").replaceAll("\0", " ").trim() });
      }
    }
    return found;
  }

  async leftovers(sandbox: Sandbox): Promise<readonly string[]> {
    const { id } = sandbox;
    const key = `${this.dir}/crib.sock/k8s.io/${id}`;
    const socket = `/run/containerd/s/${createHash("sha256").update(key).digest("hex")}`;
    const paths = [socket, `/run/containerd/runc/k8s.io/${id}`, `${this.dir}/tasks/${id}`, `${this.dir}/tasks/.${id}`];
    const left = (await this.processesOf(sandbox)).map(({ pid, command }) => `process ${pid} ${command}`);
    for (const path of paths) if (await exists(path)) left.push(path);
    const mounts = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
    const namespaces = new Set(this.#pins);
    for (const mount of mounts) {
      const point = mount.split(" ")[4] ?? "";
      if (point.includes(id) && !namespaces.has(point)) left.push(`mount ${point}`);
    }
    return left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Each is done even when those before it fail; the last in the list comes first.
    await using left = new AsyncDisposableStack();
    left.defer(() => rm(this.dir, { recursive: true, force: true }));
    left.defer(() => removeCgroup(this.#cgroup, { timeoutMs: 5_000 }));
    left.defer(() => this.events.close());
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
