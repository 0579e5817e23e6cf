import { mkdtempSync, rmSync } from "node:fs";
import { chmod, mkdtemp, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { cgroupProcesses, findProcessesByEnv, processIdentity, waitProcessGone } from "@crib/linux";
import type { Sandbox, SandboxController } from "@crib/sandboxer";
import type { ControllerFixture, ControllerPeer } from "@crib/sandboxer/testing";

import { createShims, shimSocketPath, type Shims, type TaskLog } from "../../../tasks/index.ts";
import { SandboxPlaces } from "../../testing/sandbox-places.ts";
import { testHandler } from "../../testing/test-handler.ts";
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

/** A shim that does not end in time is ended by force, which is a good end too: only that is short, so that one that hangs does not hold up a test. */
const shortBudgets: Partial<ShimControllerBudgets> = { stop: 1_500, shutdown: 1_500 };

/** No test makes these pass, however slow the machine. */
const shimBudgets = { start: 60_000, delete: 60_000, kill: 60_000 };

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
  readonly #places: SandboxPlaces;

  constructor(dir: string, options: ShimFixtureOptions) {
    this.dir = dir;
    this.#options = options;
    this.#places = new SandboxPlaces(dir, "crib-sh");
    [this.shims, this.controller] = this.#build();
    this.peer = {
      kill: async (sandbox) => {
        const server = await this.server(sandbox);
        process.kill(server.pid, "SIGKILL");
        await waitProcessGone(server, { timeoutMs: 60_000 });
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
      budgets: shimBudgets,
      log,
    });
    const handler = testHandler({
      name: "shim",
      controller: "shim",
      runtimePath,
      ...(namespacePaths && { namespacePaths }),
    });
    const controller = createShimController({
      shims,
      handlerOf: () => handler,
      log,
      budgets: { ...shortBudgets, ...budgets },
    });
    return [shims, controller];
  }

  async sandbox(change: Partial<Sandbox> = {}): Promise<Sandbox> {
    return await this.#places.add((stateDir) => ({
      runtimeHandler: "shim",
      annotations: { [faultsAnnotation]: JSON.stringify(this.#options.faults ?? {}) },
      namespaces: this.#places.pinNetwork(stateDir),
      ...this.#options.change,
      ...change,
    }));
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
    await waitProcessGone(boundary, { timeoutMs: 60_000 });
  }

  async leftovers(sandbox: Sandbox): Promise<readonly string[]> {
    const { id, cgroupPath } = sandbox;
    const [marked, inside] = await Promise.all([
      findProcessesByEnv("CRIB_SHIM", `${this.dir}/${id}`),
      cgroupProcesses(cgroupPath),
    ]);
    const processes = [...new Set([...marked.map(({ pid }) => pid), ...inside])].map((pid) => `process ${pid}`);
    const socket = shimSocketPath(`${this.dir}/crib.sock`, "k8s.io", id);
    const paths = [socket, `${this.dir}/tasks/${id}`, `${this.dir}/tasks/.${id}`];
    return [...processes, ...(await this.#places.leftovers(sandbox, paths))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Each is done even when those before it fail; the last in the list comes first.
    await using left = new AsyncDisposableStack();
    left.use(this.#places);
    left.defer(() => this.shims.close());
    left.defer(() => this.#places.endSandboxes((id, signal) => this.controller.shutdown(id, signal)));
  }
}
