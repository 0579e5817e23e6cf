import { createHash, randomBytes } from "node:crypto";
import { access, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createCgroup, killCgroup, pinNamespaces, removeCgroup, unpinNamespace } from "@crib/linux";
import type { Sandbox, SandboxController } from "@crib/sandboxer";

import { createShims, serveShimEvents, type ShimEvents, type Shims, type TaskLog } from "../../../tasks/index.ts";
import type { ControllerFixture } from "../../testing/controller-suite.ts";
import { createPodsandboxController } from "../controller.ts";

/** What a fixture varies. */
export interface PodsandboxFixtureOptions {
  readonly pause: "auto" | "always";
  /** Absolute path of the shim; empty: the one of PATH. */
  readonly runtimePath?: string;
  readonly log?: TaskLog;
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

  constructor(dir: string, options: PodsandboxFixtureOptions, events: ShimEvents) {
    this.dir = dir;
    this.events = events;
    this.#options = options;
    this.#cgroup = `/crib-test-${randomBytes(4).toString("hex")}`;
    [this.shims, this.controller] = this.#build();
  }

  /** Makes the directories and serves shim events; nothing else is on the host before the first sandbox. */
  static async make(options: PodsandboxFixtureOptions): Promise<PodsandboxFixture> {
    const dir = await realpath(await mkdtemp(join(tmpdir(), "crib-ps-")));
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
      log,
    });
    const { pause, runtimePath = "" } = this.#options;
    const controller = createPodsandboxController({
      shims,
      rootDir: join(this.dir, "root"),
      pauseCommand: [pauseProgram, "-P"],
      handlerOf: () => ({ runtimeType: "io.containerd.runc.v2", runtimePath, options: {}, pause }),
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
    const namespaces = { net: `${stateDir}/ns/net`, ipc: `${stateDir}/ns/ipc`, uts: `${stateDir}/ns/uts` };
    pinNamespaces({ ...namespaces, hostname: "pod" });
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

  async restart(): Promise<SandboxController> {
    this.shims.close();
    [this.shims, this.controller] = this.#build();
    return this.controller;
  }

  async destroyBoundary(sandbox: Sandbox): Promise<void> {
    const pids = await this.processesOf(sandbox);
    const pause = pids.find(({ command }) => command.startsWith("/pause"));
    if (pause !== undefined) process.kill(pause.pid, "SIGKILL");
    else await Promise.all(Object.values(sandbox.namespaces).map(unpinNamespace));
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
    const namespaces = new Set<string>(Object.values(sandbox.namespaces));
    for (const mount of mounts) {
      const point = mount.split(" ")[4] ?? "";
      if (point.includes(id) && !namespaces.has(point)) left.push(`mount ${point}`);
    }
    return left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sandbox of this.#sandboxes) {
      await this.controller.shutdown(sandbox.id, AbortSignal.timeout(30_000));
      await killCgroup(sandbox.cgroupPath, { timeoutMs: 5_000 });
      await Promise.all(Object.values(sandbox.namespaces).map(unpinNamespace));
    }
    this.shims.close();
    await this.events.close();
    await removeCgroup(this.#cgroup, { timeoutMs: 5_000 });
    await rm(this.dir, { recursive: true, force: true });
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
