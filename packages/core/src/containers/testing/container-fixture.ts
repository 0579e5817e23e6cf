import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { Code, StatusError } from "@crib/errdefs";
import type { ImageConfig, RuntimeSpec } from "@crib/oci-spec";

import { parseFaults } from "../../flow/faults.ts";
import { createRetries } from "../../flow/retries.ts";
import type { Image } from "../../images/types.ts";
import { openContainerStore } from "../../metadata/container-store.ts";
import { type Database, openDatabase } from "../../metadata/database.ts";
import { openRecordCopies } from "../../metadata/record-copies.ts";
import { noPlugins } from "../../nri/no-plugins.ts";
import type { PluginHooks } from "../../nri/types.ts";
import { newSandboxId } from "../../sandbox/sandbox-id.ts";
import { testHandler } from "../../sandbox/testing/test-handler.ts";
import type { SandboxRecord } from "../../sandbox/types.ts";
import { identityOf } from "../../tasks/process-identity.ts";
import { StartTurns } from "../../tasks/start-turns.ts";
import { ContainerService } from "../container-service.ts";
import { StopClocks } from "../exits/stop-clocks.ts";
import { TaskExits } from "../exits/task-exits.ts";
import { createContainerRows } from "../life/container-rows.ts";
import type { ContainerDeps } from "../steps/types.ts";
import type { ContainerEvent, ContainerRecord, ContainerRequest } from "../types.ts";
import { FakeStdio } from "./fake-stdio.ts";
import { FakeTaskServices } from "./fake-task-services.ts";
import { testContainerRequest } from "./test-container-request.ts";

const instance = "0badcafe";

/** What may differ from one opening to the next. */
export interface ContainerFixtureOptions {
  readonly faults?: string;
  readonly hooks?: Partial<PluginHooks>;
  readonly bootId?: string;
  readonly budgets?: Readonly<Record<string, number>>;
  /** For a test in which a shim does not kill, or does not tell of it. Default: those of a daemon. */
  readonly stopTimes?: ContainerDeps["stopTimes"];
  /** How long a task that was made ahead waits. */
  readonly aheadMs?: number;
}

/** Containers on a real database, with fakes for all that touches the host. They can be closed and opened as a restart does. */
export class ContainerFixture {
  readonly dir: string;
  readonly services: FakeTaskServices = new FakeTaskServices();
  readonly stdio: FakeStdio = new FakeStdio();
  readonly sandbox: SandboxRecord;
  readonly snapshots: Set<string> = new Set();
  readonly mounts: Set<string> = new Set();
  /** Of tasks that were made ahead. */
  readonly waiting: ContainerDeps["waiting"] = new Map();
  /** Tasks that were deleted without their shim. */
  readonly removed: string[] = [];
  readonly events: ContainerEvent["kind"][] = [];
  isSandboxReady = true;
  /** Set: the pod's controller is not configured any more. */
  unreachable: SandboxRecord["unreachable"];
  containers!: ContainerService;
  #database: Database | undefined;

  private constructor(dir: string) {
    this.dir = dir;
    this.sandbox = sandboxRecord(newSandboxId(instance));
  }

  static async open(t: TestContext, options: ContainerFixtureOptions = {}): Promise<ContainerFixture> {
    const fixture = new ContainerFixture(await mkdtemp(join(tmpdir(), "crib-containers-")));
    t.after(async () => {
      try {
        await fixture.close();
      } finally {
        await rm(fixture.dir, { recursive: true, force: true });
      }
    });
    await fixture.start(options);
    return fixture;
  }

  /** Opens everything without recovering. */
  async start(options: ContainerFixtureOptions = {}): Promise<void> {
    const { faults, hooks = {}, bootId = "boot", budgets = {}, stopTimes, aheadMs } = options;
    this.waiting.clear();
    const { dir } = this;
    this.#database = await openDatabase(join(dir, "metadata.db"));
    const store = await openContainerStore(this.#database, openRecordCopies(join(dir, "containers")));
    const rows = createContainerRows({
      store,
      deps: {
        ...this.#deps((id) => store.find(id), { ...noPlugins, ...hooks }),
        ...(stopTimes && { stopTimes }),
      },
      faults: parseFaults(faults),
      budgets: { do: budgets, undo: {} },
      endStrays: async () => {},
    });
    const log = { info: (): void => {}, warn: (): void => {} };
    this.containers = new ContainerService({
      instance,
      bootId,
      planning: { rootDir: dir, stateDir: dir, log: { maxLineBytes: 16_384 } },
      rows,
      retries: createRetries(50, 1_000),
      straysEnded: Promise.resolve(),
      runBudgetMs: 60_000,
      ...(aheadMs !== undefined && { holdMs: aheadMs }),
      log,
    });
    void this.#listen(this.containers.watch(new AbortController().signal));
  }

  async close(): Promise<void> {
    await this.containers.close(3_000);
    await this.#database?.[Symbol.asyncDispose]();
    this.#database = undefined;
  }

  /** What a daemon that starts does. */
  async restart(options: ContainerFixtureOptions = {}): Promise<void> {
    await this.close();
    await this.start(options);
    await this.containers.reattach();
    this.containers.finishLeftovers();
  }

  request(change: Partial<ContainerRequest> = {}): ContainerRequest {
    const plain = testContainerRequest({
      sandboxId: this.sandbox.id,
      image: image.id,
      userSpecifiedImage: "app:1",
      command: ["sh"],
    });
    return { ...plain, config: Buffer.from(change.name ?? "app"), ...change };
  }

  /** Creates and starts one. */
  async run(change: Partial<ContainerRequest> = {}): Promise<string> {
    const { signal } = new AbortController();
    const id = await this.containers.create(this.request(change), signal);
    await this.containers.start(id, signal);
    return id;
  }

  #shownSandbox(): SandboxRecord {
    const { unreachable } = this;
    return { ...this.sandbox, state: this.isSandboxReady ? "ready" : "stopping", ...(unreachable && { unreachable }) };
  }

  async #listen(events: AsyncIterable<ContainerEvent>): Promise<void> {
    for await (const { kind } of events) this.events.push(kind);
  }

  #deps(findContainer: (id: string) => ContainerRecord | undefined, hooks: PluginHooks): ContainerDeps {
    const { services, stdio, snapshots, mounts } = this;
    return {
      stateDir: this.dir,
      // That of the fakes is this very process, in no cgroup of a container.
      taskProcess: (_service, pid) => identityOf(pid),
      images: {
        prepareSnapshot: (name, { key }) => {
          if (name !== image.id) throw new StatusError(Code.NotFound, `image "${name}": not found`);
          snapshots.add(key);
          const snapshot = { key, kind: "active", dir: "1", createdAt: "" } as const;
          return { image, snapshot };
        },
        config: async () => imageConfig,
        list: () => [image],
        collectSoon: () => {},
      },
      snapshots: {
        changes: (key) => join(this.dir, key),
        find: () => undefined,
        materialize: async () => {},
        mount: async (_key, target) => void mounts.add(target),
        unmount: async (target) => void mounts.delete(target),
        discard: async (key) => void snapshots.delete(key),
      },
      trees: { packTree: async () => ({ size: 0 }) },
      volumes: { prepare: async () => [], release: async () => {} },
      buildSpec: async () => ({ spec, user: { uid: 0, gid: 0, additionalGids: [] } }),
      features: {
        cgroupVersion: 1,
        cgroupDriver: "cgroupfs",
        cgroupControllers: [],
        apparmor: false,
        selinux: false,
        oomScoreAdjFloor: 0,
        seccomp: true,
        swapAccounting: false,
      },
      specOptions: { tolerateMissingHugetlb: true } as ContainerDeps["specOptions"],
      stdio,
      services,
      starts: new StartTurns(),
      remains: { remove: async ({ id }) => void this.removed.push(id) },
      endHelpers: async () => {},
      hooks,
      findSandbox: (id) => (id === this.sandbox.id ? this.#shownSandbox() : undefined),
      findContainer,
      exits: new TaskExits({ services, ended: (id, end) => this.containers.taskEnded(id, end) }),
      clocks: new StopClocks(),
      sessions: new Map(),
      waiting: this.waiting,
      log: { warn: () => {} },
    };
  }
}

const spec = { ociVersion: "1.0.2", linux: { resources: {} } } as unknown as RuntimeSpec;
const image = { id: `sha256:${"a".repeat(64)}`, repoTags: ["app:1"], repoDigests: [], layers: [] } as unknown as Image;
const imageConfig = { stopSignal: "", volumes: [], env: [] } as unknown as ImageConfig;

function sandboxRecord(id: string): SandboxRecord {
  const plan = {
    pod: { name: "web", namespace: "default", uid: "u1", attempt: 0 },
    handler: testHandler(),
    cgroupPath: `/crib-no-such-parent/crib-${id}`,
  };
  // The containers read these fields only.
  return { version: 1, id, name: "web", state: "ready", plan, facts: {}, runs: [] } as unknown as SandboxRecord;
}
