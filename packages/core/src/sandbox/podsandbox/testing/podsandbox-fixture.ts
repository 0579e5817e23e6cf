import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { pinNamespaces, pinNamespacesInUserns, processIdentity, unpinNamespace, waitProcessGone } from "@crib/linux";
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
import { processesNaming } from "../../testing/processes-naming.ts";
import { SandboxPlaces } from "../../testing/sandbox-places.ts";
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
  readonly #places: SandboxPlaces;

  constructor(dir: string, options: PodsandboxFixtureOptions, events: ShimEvents) {
    this.dir = dir;
    this.events = events;
    this.#options = options;
    this.#places = new SandboxPlaces(dir, "crib-ps");
    [this.shims, this.controller] = this.#build();
  }

  /** Makes the directories and serves shim events; nothing else is on the host before the first sandbox. */
  static async make(options: PodsandboxFixtureOptions): Promise<PodsandboxFixture> {
    const dir = await realpath(await mkdtemp(join(tmpdir(), "crib-ps-")));
    await chmod(dir, 0o711); // root of a user namespace has to pass through
    const events = await serveShimEvents(join(dir, "events.sock"), AbortSignal.timeout(60_000));
    return new PodsandboxFixture(dir, options, events);
  }

  #build(): [Shims, SandboxController] {
    const log = this.#options.log ?? (() => undefined);
    const shims = createShims({
      stateDir: this.dir,
      eventsAddress: join(this.dir, "events.sock"),
      instance: this.dir,
      shimCgroup: `${this.#places.cgroup}/shims`,
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
    return await this.#places.add(async (stateDir) => {
      await mkdir(join(stateDir, "shm"));
      await writeFile(join(stateDir, "resolv.conf"), "");
      const namespaces = change.namespaces ?? (await this.#pin(stateDir, change));
      return { runtimeHandler: "runc", namespaces, ...change };
    });
  }

  async #pin(stateDir: string, { uidMappings = [], gidMappings = [] }: Partial<Sandbox>): Promise<NamespacePaths> {
    const paths = { net: `${stateDir}/ns/net`, ipc: `${stateDir}/ns/ipc`, uts: `${stateDir}/ns/uts` };
    const user = `${stateDir}/ns/user`;
    this.#places.willPin({ ...paths, user });
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
    await waitProcessGone(pause, { timeoutMs: 60_000 });
  }

  /** Found without what the controller knows of them. */
  async leftovers(sandbox: Sandbox): Promise<readonly string[]> {
    const { id } = sandbox;
    const key = `${this.dir}/crib.sock/k8s.io/${id}`;
    const socket = `/run/containerd/s/${createHash("sha256").update(key).digest("hex")}`;
    const paths = [socket, `/run/containerd/runc/k8s.io/${id}`, `${this.dir}/tasks/${id}`, `${this.dir}/tasks/.${id}`];
    const processes = (await processesNaming(id)).map(({ pid, command }) => `process ${pid} ${command}`);
    return [...processes, ...(await this.#places.leftovers(sandbox, paths))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Each is done even when those before it fail; the last in the list comes first.
    await using left = new AsyncDisposableStack();
    left.use(this.#places);
    left.defer(() => this.events.close());
    left.defer(() => this.shims.close());
    left.defer(() => this.#places.endSandboxes((id, signal) => this.controller.shutdown(id, signal)));
  }
}
