import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, copyFile, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import type { Sandbox } from "@crib/sandboxer";

import type { ContainerRecord } from "../../containers/types.ts";
import { createStdio } from "../../io/index.ts";
import type { Stdio } from "../../io/types.ts";
import {
  PodsandboxFixture,
  type PodsandboxFixtureOptions,
} from "../../sandbox/podsandbox/testing/podsandbox-fixture.ts";
import { processesNaming } from "../../sandbox/testing/processes-naming.ts";
import type { SandboxRecord } from "../../sandbox/types.ts";
import { createTaskServices, identityOf, type TaskServices } from "../../tasks/index.ts";
import { createExecs, type ExecsOptions } from "../create-execs.ts";
import type { Execs } from "../types.ts";

const run = promisify(execFile);
const busybox = "/bin/busybox";
const applets = [
  "sh",
  "cat",
  "sleep",
  "echo",
  "env",
  "id",
  "head",
  "tail",
  "nc",
  "dd",
  "stty",
  "true",
  "seq",
  "kill",
  "ps",
  "grep",
  "tty",
];

/** A pod without pause and a busybox container in it, run by a real shim and runc. */
export class ContainerFixture implements AsyncDisposable {
  readonly pod: PodsandboxFixture;
  readonly sandbox: Sandbox;
  readonly id: string;
  readonly stdio: Stdio = createStdio({ log: () => undefined });
  services: TaskServices;
  record!: ContainerRecord;
  readonly logged: string[] = [];

  private constructor(pod: PodsandboxFixture, sandbox: Sandbox) {
    this.pod = pod;
    this.sandbox = sandbox;
    this.id = randomBytes(32).toString("hex");
    this.services = this.#connect();
  }

  /** The container runs `args` when this settles. */
  static async make(
    args: readonly string[] = ["sleep", "3600"],
    options: Partial<PodsandboxFixtureOptions> & { readonly tty?: boolean; readonly stdin?: boolean } = {},
  ): Promise<ContainerFixture> {
    const pod = await PodsandboxFixture.make({ pause: "auto", ...options });
    const sandbox = await pod.sandbox();
    await pod.controller.create(sandbox, never);
    await pod.controller.start(sandbox.id, never);
    const fixture = new ContainerFixture(pod, sandbox);
    try {
      await fixture.#start(args, options);
      return fixture;
    } catch (error) {
      await fixture[Symbol.asyncDispose]();
      throw error;
    }
  }

  get bundleDir(): string {
    return this.pod.shims.bundle(this.id);
  }

  execs(options: Partial<ExecsOptions> = {}): Execs {
    return createExecs({
      containers: { get: () => this.record },
      sandboxes: { get: () => this.sandboxRecord() },
      taskServices: this.services,
      stdio: this.stdio,
      log: (level, message, fields) => this.logged.push(`${level} ${message} ${JSON.stringify(fields)}`),
      ...options,
    });
  }

  /** Only what execs look at. */
  sandboxRecord(
    change: { readonly state?: SandboxRecord["state"]; readonly hostNetwork?: boolean } = {},
  ): SandboxRecord {
    const { state = "ready", hostNetwork = false } = change;
    const { id, namespaces } = this.sandbox;
    return { id, state, plan: { hostNetwork, namespaces }, facts: {} } as unknown as SandboxRecord;
  }

  /** What the next daemon has: new connections to the same shim. */
  async restart(): Promise<void> {
    this.services.close();
    const next = await this.pod.restart();
    await next.adopt(this.sandbox, { createdAt: new Date(), labels: {}, namespaces: this.sandbox.namespaces }, never);
    this.services = this.#connect();
  }

  /** How many processes of the host run such a command line; for container programs only. */
  async countOf(command: string): Promise<number> {
    const found = await processesNaming(this.id);
    return found.filter((one) => one.command === command).length;
  }

  /** Directories of additional processes that are still there. */
  async execDirs(): Promise<readonly string[]> {
    return await readdir(join(this.bundleDir, "exec")).catch(() => []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using left = new AsyncDisposableStack();
    left.use(this.pod);
    left.defer(() => this.stdio.close());
    left.defer(() => this.services.close());
    left.defer(() => this.#remove());
  }

  #connect(): TaskServices {
    return createTaskServices({ controllerOf: () => this.pod.controller });
  }

  async #start(
    args: readonly string[],
    { tty = false, stdin = false }: { readonly tty?: boolean; readonly stdin?: boolean },
  ): Promise<void> {
    const { id, bundleDir } = this;
    await makeRootfs(join(bundleDir, "rootfs"));
    await writeFile(join(bundleDir, "config.json"), JSON.stringify(specOf(this.sandbox, id, args, tty)));
    const { tasks } = await this.services.of(this.sandbox.id, never);
    const request = { id, dir: join(bundleDir, "io"), stdin, stdinOnce: false, tty };
    const { paths } = await this.stdio.open(request, never);
    const pid = await tasks.create({ id, bundle: bundleDir, terminal: tty, ...paths }, never);
    await tasks.start(id, "", never);
    this.record = {
      id,
      state: "running",
      plan: { sandboxId: this.sandbox.id, bundleDir, tty },
      facts: { process: identityOf(pid) },
    } as unknown as ContainerRecord;
  }

  async #remove(): Promise<void> {
    const { tasks } = await this.services.of(this.sandbox.id, never);
    await tasks.kill({ id: this.id, signal: 9, all: true }, never).catch(() => undefined);
    await tasks.wait(this.id, "", never, { timeoutMs: 60_000 }).catch(() => undefined);
    await tasks.delete(this.id, "", never).catch(() => undefined);
  }
}

const never = new AbortController().signal;

async function makeRootfs(rootfs: string): Promise<void> {
  for (const dir of ["bin", "proc", "dev", "tmp", "etc"]) await mkdir(join(rootfs, dir), { recursive: true });
  const { stdout } = await run("ldd", [busybox]).catch(() => ({ stdout: "" }));
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path);
  for (const path of [busybox, ...libraries]) {
    await mkdir(dirname(join(rootfs, path)), { recursive: true });
    await copyFile(path, join(rootfs, path));
    await chmod(join(rootfs, path), 0o755);
  }
  await Promise.all(applets.map((applet) => symlink("busybox", join(rootfs, "bin", applet))));
}

function specOf(sandbox: Sandbox, id: string, args: readonly string[], tty: boolean): object {
  const caps = ["CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_NET_BIND_SERVICE"];
  const { namespaces, cgroupPath } = sandbox;
  return {
    ociVersion: "1.0.2",
    root: { path: "rootfs" },
    process: {
      terminal: tty,
      user: { uid: 0, gid: 0 },
      args,
      env: ["PATH=/bin", "FROM=container"],
      cwd: "/tmp",
      capabilities: { bounding: caps, effective: caps, permitted: caps, inheritable: [], ambient: [] },
      noNewPrivileges: true,
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
      },
    ],
    linux: {
      cgroupsPath: `${cgroupPath}/crib-${id}`,
      namespaces: [
        { type: "mount" },
        { type: "pid" },
        { type: "network", path: namespaces.net },
        { type: "ipc", path: namespaces.ipc },
        { type: "uts", path: namespaces.uts },
      ],
    },
  };
}
