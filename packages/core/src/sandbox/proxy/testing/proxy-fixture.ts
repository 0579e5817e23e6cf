import { randomBytes } from "node:crypto";
import { access, mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Sandbox } from "@crib/sandboxer";
import { type ControllerFixture, type ControllerPeer, testSandbox } from "@crib/sandboxer/testing";

import { createProxyController } from "../controller.ts";
import type { ProxyBudgets, ProxyController, SandboxerConfig } from "../types.ts";
import { FakeSandboxer, type FakeSandboxerOptions, hang } from "./fake-sandboxer.ts";

const methods = ["create", "start", "platform", "stop", "wait", "status", "shutdown", "metrics", "update"];

/** What a fixture varies. */
export interface ProxyFixtureOptions extends FakeSandboxerOptions {
  readonly config?: Partial<SandboxerConfig>;
  readonly budgets?: Partial<ProxyBudgets>;
}

/** A proxy controller over a directory of its own, and a fake sandboxer that serves it. */
export class ProxyFixture implements ControllerFixture {
  readonly dir: string;
  readonly fake: FakeSandboxer;
  /** Lines of the log: message and fields. */
  readonly log: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
  controller: ProxyController;
  readonly peer: ControllerPeer = {
    kill: () => this.fake.down(),
    revive: () => this.fake.up(),
    freeze: async () => {
      this.fake.faults = Object.fromEntries(methods.map((method) => [method, hang]));
      return { [Symbol.dispose]: () => (this.fake.faults = {}) };
    },
  };
  readonly #options: ProxyFixtureOptions;

  constructor(dir: string, options: ProxyFixtureOptions) {
    this.dir = dir;
    this.#options = options;
    this.fake = new FakeSandboxer(join(dir, "sandboxer.sock"), options);
    this.controller = this.#build();
  }

  /** Makes the directory and serves. */
  static async make(options: ProxyFixtureOptions = {}): Promise<ProxyFixture> {
    const dir = await realpath(await mkdtemp(join(tmpdir(), "crib-px-")));
    const fixture = new ProxyFixture(dir, options);
    await fixture.fake.up();
    return fixture;
  }

  #build(): ProxyController {
    return createProxyController({
      config: {
        name: "fake",
        address: this.fake.address,
        network: "before-start",
        namespacePaths: "proc",
        taskUpdates: "auto",
        io: "auto",
        pendingGraceMs: 60_000,
        ...this.#options.config,
      },
      stateDir: this.dir,
      log: (_, message, fields) => this.log.push({ message, fields }),
      budgets: { probe: 20, ...this.#options.budgets },
    });
  }

  async sandbox(change: Partial<Sandbox> = {}): Promise<Sandbox> {
    const id = randomBytes(32).toString("hex");
    const stateDir = join(this.dir, "sandboxes", id);
    await mkdir(stateDir, { recursive: true });
    return testSandbox({
      id,
      runtimeHandler: "fake",
      labels: { app: "web" },
      annotations: { passed: "on" },
      namespaces: { net: join(stateDir, "net") },
      cgroupPath: `/crib/crib-${id}`,
      stateDir,
      config: new Uint8Array([10, 0]),
      ...change,
    });
  }

  /** A sandbox that runs. */
  async started(signal: AbortSignal, change: Partial<Sandbox> = {}): Promise<Sandbox> {
    const sandbox = await this.sandbox(change);
    await this.controller.create(sandbox, signal);
    await this.controller.start(sandbox.id, signal);
    return sandbox;
  }

  async restart(): Promise<ProxyController> {
    await this.controller[Symbol.asyncDispose]();
    this.controller = this.#build();
    return this.controller;
  }

  async destroyBoundary({ id }: Sandbox): Promise<void> {
    await this.fake.end(id);
  }

  async leftovers({ id, stateDir }: Sandbox): Promise<readonly string[]> {
    const file = join(stateDir, "sandboxer.json");
    const isLeft = await access(file).then(
      () => true,
      () => false,
    );
    return [...(isLeft ? [file] : []), ...(this.fake.boxes.has(id) ? [`sandbox ${id} of the sandboxer`] : [])];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using left = new AsyncDisposableStack();
    left.defer(() => rm(this.dir, { recursive: true, force: true }));
    left.use(this.fake);
    left.use(this.controller);
  }
}
