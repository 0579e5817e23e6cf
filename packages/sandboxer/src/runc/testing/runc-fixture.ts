import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { cgroupExists, killCgroup, makeFifo, mountsUnder, openFifoReader, removeCgroup, umountTree } from "@crib/linux";
import {
  CloseIORequestSchema,
  CreateTaskRequestSchema,
  DeleteRequestSchema,
  ExecProcessRequestSchema,
  KillRequestSchema,
  StartRequestSchema,
  StateRequestSchema,
  WaitRequestSchema,
} from "@crib/wire/task";

import { createRuncTasks } from "../create-runc-tasks.ts";
import type { RuncTasks, RuncTasksOptions } from "../types.ts";
import { busybox } from "./needs-runc.ts";
import { until } from "./until.ts";

/** What a test says of a container. */
export interface TestContainer {
  readonly args?: readonly string[];
  readonly terminal?: boolean;
  /** Merged into the spec's `linux`. */
  readonly linux?: Readonly<Record<string, unknown>>;
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Fields of the request. */
  readonly request?: MessageInitShape<typeof CreateTaskRequestSchema>;
}

let count = 0;

/** A task service with directories and a cgroup of its own, all of which end with the test. */
export class RuncFixture {
  readonly tasks: RuncTasks;
  readonly options: RuncTasksOptions;
  readonly directory: string;
  readonly cgroup: string;
  readonly rootfs: string;
  readonly #ids = new Set<string>();
  readonly #readers: Socket[] = [];
  readonly #signal: AbortSignal;

  private constructor(t: TestContext, more: Partial<RuncTasksOptions>) {
    this.directory = mkdtempSync(join(tmpdir(), "crib-runc-"));
    this.cgroup = `/crib-runc-test-${process.pid}-${++count}`;
    this.rootfs = join(this.directory, "rootfs");
    this.#signal = t.signal;
    this.options = { root: join(this.directory, "runc"), stateDir: join(this.directory, "state"), ...more };
    makeRootfs(this.rootfs);
    this.tasks = createRuncTasks(this.options);
  }

  static open(t: TestContext, more: Partial<RuncTasksOptions> = {}): RuncFixture {
    const fixture = new RuncFixture(t, more);
    t.after(() => fixture.#close());
    return fixture;
  }

  get call(): { readonly signal: AbortSignal } {
    return { signal: this.#signal };
  }

  /** A bundle that is ready to be created, and the paths of its FIFOs. */
  bundle(
    id: string,
    container: TestContainer = {},
  ): { readonly path: string; readonly fifo: (name: string) => string } {
    const path = join(this.directory, "bundles", id);
    this.#ids.add(id);
    mkdirSync(join(path, "rootfs"), { recursive: true });
    writeFileSync(join(path, "config.json"), JSON.stringify(this.#spec(id, container)));
    return { path, fifo: (name) => this.fifo(`${id}-${name}`) };
  }

  fifo(name: string): string {
    const path = join(this.directory, name);
    makeFifo(path);
    return path;
  }

  /** Reads a FIFO, as a client does, until the end of it or of the test. */
  read(path: string): Socket {
    const reader = openFifoReader(path);
    this.#readers.push(reader.on("error", () => undefined));
    return reader;
  }

  /** Creates a container whose root is the fixture's, and gives its pid. */
  async create(id: string, container: TestContainer = {}): Promise<number> {
    const { path } = this.bundle(id, container);
    const rootfs = [{ type: "bind", source: this.rootfs, options: ["rbind", "ro"] }];
    const { terminal = false, request = {} } = container;
    const message = create(CreateTaskRequestSchema, { id, bundle: path, rootfs, terminal, ...request });
    return (await this.tasks.create(message, this.call)).pid ?? 0;
  }

  async start(id: string, execId = ""): Promise<number> {
    return (await this.tasks.start(create(StartRequestSchema, { id, execId }), this.call)).pid ?? 0;
  }

  /** Creates and starts. */
  async run(id: string, container: TestContainer = {}): Promise<number> {
    await this.create(id, container);
    return await this.start(id);
  }

  async exec(
    id: string,
    execId: string,
    args: readonly string[],
    more: MessageInitShape<typeof ExecProcessRequestSchema> = {},
  ): Promise<void> {
    const spec = { args, cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } };
    const value = Buffer.from(JSON.stringify(spec));
    const typeUrl = "types.containerd.io/opencontainers/runtime-spec/1/Process";
    const any = create(AnySchema, { typeUrl, value });
    const message = create(ExecProcessRequestSchema, { id, execId, spec: any, ...more });
    await this.tasks.exec(message, this.call);
  }

  /** The exit status, once there is one. */
  async wait(id: string, execId = ""): Promise<number> {
    const { exitStatus } = await this.tasks.wait(create(WaitRequestSchema, { id, execId }), this.call);
    return exitStatus ?? 0;
  }

  async kill(id: string, signal: number, more: { execId?: string; all?: boolean } = {}): Promise<void> {
    await this.tasks.kill(create(KillRequestSchema, { id, signal, ...more }), this.call);
  }

  async delete(
    id: string,
    execId = "",
  ): Promise<{ readonly pid: number; readonly exitStatus: number; readonly exitedMs: number }> {
    const answer = await this.tasks.delete(create(DeleteRequestSchema, { id, execId }), this.call);
    const { seconds = 0n, nanos = 0 } = answer.exitedAt ?? {};
    return { pid: answer.pid ?? 0, exitStatus: answer.exitStatus ?? 0, exitedMs: Number(seconds) * 1e3 + nanos / 1e6 };
  }

  async state(id: string, execId = ""): ReturnType<RuncTasks["state"]> {
    return await this.tasks.state(create(StateRequestSchema, { id, execId }), this.call);
  }

  async closeStdin(id: string, execId = ""): Promise<void> {
    await this.tasks.closeIO(create(CloseIORequestSchema, { id, execId, stdin: true }), this.call);
  }

  /** What a removed task must not leave: mounts, files, cgroups. Zombies are waited for. */
  async leftovers(): Promise<readonly string[]> {
    // Those that nobody waits for are reaped a moment later.
    await until("zombies are reaped", () => zombies().length === 0);
    const mounts = (await mountsUnder(this.directory)).map(({ mountPoint }) => `mount ${mountPoint}`);
    const names = (path: string): readonly string[] => readdirSync(path).map((name) => `${path}/${name}`);
    const files = [...names(join(this.options.stateDir)).flatMap(names), ...namesIfThere(this.options.root)];
    const cgroups: string[] = [];
    for (const path of [...this.#ids].map((id) => `${this.cgroup}/${id}`)) {
      if (await cgroupExists(path)) cgroups.push(`cgroup ${path}`);
    }
    return [...mounts, ...files, ...cgroups];
  }

  #spec(id: string, container: TestContainer): object {
    const { args = ["sleep", "1000"], terminal = false, linux = {}, user = { uid: 0, gid: 0 } } = container;
    return {
      ociVersion: "1.0.2",
      process: { terminal, user, args, env: ["PATH=/bin", "TERM=xterm"], cwd: "/" },
      root: { path: "rootfs", readonly: true },
      hostname: id,
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
        { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"] },
      ],
      linux: {
        cgroupsPath: `${this.cgroup}/${id}`,
        namespaces: ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type })),
        ...linux,
      },
    };
  }

  async #close(): Promise<void> {
    for (const reader of this.#readers) reader.destroy();
    await this.tasks[Symbol.asyncDispose]();
    await killCgroup(this.cgroup, { timeoutMs: 10_000 });
    await umountTree(this.directory);
    await removeCgroup(this.cgroup);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function namesIfThere(path: string): readonly string[] {
  try {
    return readdirSync(path).map((name) => `${path}/${name}`);
  } catch {
    return [];
  }
}

/** Children of this process that have ended and that nobody has reaped. */
export function zombies(): readonly string[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "latin1").split(" ").filter(Boolean);
  return children
    .filter((pid) => / Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1")))
    .map((pid) => `zombie ${pid}`);
}

function makeRootfs(path: string): void {
  for (const name of ["bin", "dev", "proc", "tmp"]) mkdirSync(join(path, name), { recursive: true });
  copyFileSync(busybox, join(path, "bin/busybox"));
  // Nothing where it is static, which ldd tells by failing.
  const libraries = spawnSync("ldd", [busybox], { encoding: "utf8" }).stdout.matchAll(/(\/\S+) \(/g);
  for (const [, library = ""] of libraries) {
    mkdirSync(join(path, dirname(library)), { recursive: true });
    copyFileSync(library, join(path, library));
  }
  const applets = [
    "sh",
    "sleep",
    "cat",
    "echo",
    "head",
    "kill",
    "stty",
    "true",
    "false",
    "id",
    "dd",
    "tr",
    "wc",
    "tail",
    "date",
  ];
  for (const name of applets) symlinkSync("busybox", join(path, "bin", name));
}
