import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";

import { processIdentity, signalProcess, waitProcessGone } from "@crib/linux";
import type { Sandbox } from "@crib/sandboxer";
import type { ControllerFixture } from "@crib/sandboxer/testing";

import { processesNaming } from "../../testing/processes-naming.ts";
import { SandboxPlaces } from "../../testing/sandbox-places.ts";
import { createProxyController } from "../controller.ts";
import type { ProxyController } from "../types.ts";
import type { ExampleSandboxer } from "./example-sandboxer.ts";

/** A proxy controller before the example sandboxer, which may serve others too. */
export class ExampleFixture implements ControllerFixture {
  readonly dir: string;
  readonly example: ExampleSandboxer;
  controller: ProxyController;
  readonly #change: Partial<Sandbox>;
  readonly #places: SandboxPlaces;

  constructor(dir: string, example: ExampleSandboxer, change: Partial<Sandbox>) {
    this.dir = dir;
    this.example = example;
    this.#change = change;
    this.#places = new SandboxPlaces(dir, "crib-px");
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
      budgets: { probe: 20 },
    });
  }

  async sandbox(): Promise<Sandbox> {
    return await this.#places.add((stateDir) => ({
      runtimeHandler: "namespaces",
      namespaces: this.#places.pinNetwork(stateDir),
      shmPath: "/dev/shm",
      ...this.#change,
    }));
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
    await waitProcessGone(found, { timeoutMs: 60_000 });
  }

  async leftovers(sandbox: Sandbox): Promise<readonly string[]> {
    const { id, stateDir } = sandbox;
    const processes = (await processesNaming(id)).map(({ pid, command }) => `process ${pid} ${command}`);
    const paths = [join(stateDir, "sandboxer.json"), join(this.example.dir, "namespaces", id)];
    return [...processes, ...(await this.#places.leftovers(sandbox, paths))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using left = new AsyncDisposableStack();
    left.use(this.#places);
    left.use(this.controller);
    left.defer(() => this.#places.endSandboxes((id, signal) => this.controller.shutdown(id, signal)));
  }
}
