import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { connectCri, type CriClient } from "@crib/cri-client";
import { Code, hasCode } from "@crib/errdefs";

import { clearLane } from "./clear-lane.ts";
import { ownLines, whatChanged } from "./compare-listings.ts";
import { countLeaks } from "./count-leaks.ts";
import { type DaemonProcess, startDaemon } from "./daemon-process.ts";
import { eventually } from "./eventually.ts";
import { hostListing, type HostListing } from "./host-listing.ts";
import { type Lane, takeLane } from "./lane.ts";
import { bridgePlugin, type Json, networkList, pluginNotesDir, portmapPlugin } from "./network-config.ts";
import { kubeletPodConfig, type KubeletPodConfig, type PodConfig } from "./pod-config.ts";
import { type Pod, podHandle } from "./pod.ts";
import { toToml, type TomlValue } from "./to-toml.ts";

/** Where nodes look for CNI plugins: those of `tests/fixtures/cni`, then the machine's. */
export const pluginDirs = [join(import.meta.dirname, "../fixtures/cni"), "/usr/lib/cni", "/opt/cni/bin"];

/** Milliseconds for a call, so that one that hangs fails its test instead of standing still with it. */
const callMs = 60_000;

/** What a test may want of its node. */
export interface NodeOptions {
  /** Plugins of its network; `[]` writes no configuration. Default: the lane's bridge with portmap. */
  readonly plugins?: (lane: Lane) => readonly Json[];
  /** Tables of the configuration, over those that every node has. */
  readonly config?: (lane: Lane) => {
    readonly cni?: Readonly<Record<string, TomlValue>>;
    readonly runtime?: Readonly<Record<string, TomlValue>>;
    readonly runtimes?: Readonly<Record<string, Readonly<Record<string, TomlValue>>>>;
    readonly flow?: Readonly<Record<string, TomlValue>>;
  };
  /** Faults for the daemon, as CRIB_FAULTS. */
  readonly faults?: string;
  readonly umask?: string;
}

/** What a pod may want beside what the kubelet asks for anyway. */
export interface PodOptions {
  readonly name?: string;
  readonly handler?: string;
  /** Changes the configuration that the kubelet would send. */
  readonly change?: (config: KubeletPodConfig) => PodConfig;
}

/** A crib of its own, with root, state, socket, network and cgroup that no other has. */
export interface Node {
  readonly lane: Lane;
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly configFile: string;
  readonly cniConfDir: string;
  /** A client of the daemon that runs now. */
  readonly cri: CriClient;
  /** The daemon that runs now. */
  readonly daemon: DaemonProcess;
  /** The ending of the ids that it gives. */
  readonly instance: string;
  runPod(options?: PodOptions): Promise<Pod>;
  /** The configuration that `runPod` would ask with. */
  podConfig(options?: PodOptions): PodConfig;
  /** A handle on a pod that was asked for otherwise. */
  pod(id: string, config: PodConfig, handler?: string): Pod;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end. */
  term(): Promise<{ readonly exitCode: number | null }>;
  /** Starts the daemon again, after SIGKILL where it still runs. */
  restart(options?: { readonly faults?: string }): Promise<void>;
  /** Everything that the daemons of this node printed. */
  log(): string;
  /** What is on the host for pods of this node, by a listing made without crib. Empty when no pod was made or all are removed. */
  leftovers(): Promise<readonly string[]>;
  /** The leak counters of crib that are not zero. */
  leaks(): Promise<readonly string[]>;
  /** Ids of all pods listed, with their states. */
  list(): Promise<ReadonlyMap<string, "READY" | "NOTREADY">>;
  /** Removes every pod, also those whose first removal fails, for at most `withinMs`. */
  removeAllPods(withinMs?: number): Promise<void>;
}

/**
 * Starts a node for a test. When the test has ended, however it ended, all pods are removed, the daemon is stopped, the
 * leak counters must be zero, and the host must be as it was before.
 */
export async function startNode(t: TestContext, options: NodeOptions = {}): Promise<Node> {
  const before = await hostListing();
  const lane = takeLane();
  const node = new LaneNode(lane, options);
  endAfter(t, () => node.end(before, (message) => t.diagnostic(message)));
  node.writeConfig();
  await node.restart(options.faults === undefined ? {} : { faults: options.faults });
  return node;
}

const endings = new WeakMap<TestContext, (() => Promise<void>)[]>();

/** Ends all nodes of a test, the last first. One hook does it, since none runs after one that fails. */
function endAfter(t: TestContext, end: () => Promise<void>): void {
  const known = endings.get(t);
  if (known) {
    known.push(end);
    return;
  }
  const ends = [end];
  endings.set(t, ends);
  t.after(async () => {
    const problems: unknown[] = [];
    for (const one of ends.toReversed()) await one().catch((reason: unknown) => problems.push(reason));
    if (problems.length > 0) throw problems.length === 1 ? problems[0] : new AggregateError(problems);
  });
}

class LaneNode implements Node {
  readonly lane: Lane;
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly configFile: string;
  readonly cniConfDir: string;
  readonly #options: NodeOptions;
  #cri: CriClient;
  #daemon: DaemonProcess | undefined;
  #output = "";
  /** Whether a daemon without faults runs. */
  #sound = false;
  #pods = 0;

  constructor(lane: Lane, options: NodeOptions) {
    this.lane = lane;
    this.#options = options;
    this.root = join(lane.dir, "root");
    this.state = join(lane.dir, "state");
    this.socket = join(this.state, "crib.sock");
    this.configFile = join(lane.dir, "config.toml");
    this.cniConfDir = join(lane.dir, "net.d");
    this.#cri = connectCri(this.socket, { timeoutMs: callMs });
  }

  get cri(): CriClient {
    return this.#cri;
  }

  get daemon(): DaemonProcess {
    if (!this.#daemon) throw new Error("the daemon of this node was never ready");
    return this.#daemon;
  }

  get instance(): string {
    return readFileSync(join(this.root, "instance"), "utf8").trim();
  }

  writeConfig(): void {
    const { lane } = this;
    for (const dir of [this.cniConfDir, pluginNotesDir(lane), join(lane.dir, "netns")])
      mkdirSync(dir, { recursive: true });
    const more = this.#options.config?.(lane) ?? {};
    const document = toToml({
      root: this.root,
      state: this.state,
      socket: this.socket,
      cni: { conf_dir: this.cniConfDir, bin_dirs: pluginDirs, ...more.cni },
      runtime: { netns_dir: join(lane.dir, "netns"), shim_cgroup: `${lane.cgroup}/shims`, ...more.runtime },
      runtimes: { runc: {}, paused: { pause: "always" }, ...more.runtimes },
      flow: { retry_min: "100ms", ...more.flow },
      log: { level: "debug" },
    });
    writeFileSync(this.configFile, document);
    const plugins = (this.#options.plugins ?? ((lane) => [bridgePlugin(lane), portmapPlugin]))(lane);
    if (plugins.length > 0) writeFileSync(join(this.cniConfDir, "10-pods.conflist"), networkList(lane, plugins));
  }

  async restart({ faults }: { readonly faults?: string } = {}): Promise<void> {
    if (this.#daemon) await this.kill();
    // A connection that was lost waits before it connects again.
    this.#cri.close();
    this.#cri = connectCri(this.socket, { timeoutMs: callMs });
    this.#daemon = await startDaemon({
      configFile: this.configFile,
      onOutput: (text) => (this.#output += text),
      ...(faults === undefined ? {} : { env: { CRIB_FAULTS: faults } }),
      ...(this.#options.umask === undefined ? {} : { umask: this.#options.umask }),
    });
    this.#sound = faults === undefined;
  }

  async kill(): Promise<void> {
    this.#sound = false;
    this.daemon.signal("SIGKILL");
    await this.daemon.ended;
  }

  async term(): Promise<{ readonly exitCode: number | null }> {
    this.#sound = false;
    this.daemon.signal("SIGTERM");
    return this.daemon.ended;
  }

  log(): string {
    return this.#output;
  }

  podConfig({ name = `pod-${++this.#pods}`, change }: PodOptions = {}): PodConfig {
    const config = kubeletPodConfig(name, this.lane.cgroup);
    return change?.(config) ?? config;
  }

  async runPod(options: PodOptions = {}): Promise<Pod> {
    const config = this.podConfig(options);
    const handler = options.handler ?? "";
    const { podSandboxId } = await this.cri.runtime.runPodSandbox({ config, runtimeHandler: handler });
    return this.pod(podSandboxId, config, handler);
  }

  pod(id: string, config: PodConfig, handler = ""): Pod {
    // The client of the moment: a pod outlives the daemon.
    return podHandle(id, config, handler, join(this.lane.dir, "netns", `crib-${id}`), {
      status: (podSandboxId) => this.cri.runtime.podSandboxStatus({ podSandboxId, verbose: true }),
      stop: (podSandboxId) => this.cri.runtime.stopPodSandbox({ podSandboxId }),
      remove: (podSandboxId) => this.cri.runtime.removePodSandbox({ podSandboxId }),
    });
  }

  async list(): Promise<ReadonlyMap<string, "READY" | "NOTREADY">> {
    const { items } = await this.cri.runtime.listPodSandbox({});
    return new Map(items.map(({ id, state }) => [id, state === 0 ? "READY" : "NOTREADY"]));
  }

  async removeAllPods(withinMs = 20_000): Promise<void> {
    await eventually(withinMs, async () => {
      const ids = [...(await this.list()).keys()];
      const removals = ids.map((podSandboxId) => this.cri.runtime.removePodSandbox({ podSandboxId }));
      const failed = (await Promise.allSettled(removals)).find((removal) => removal.status === "rejected");
      if (failed && !hasCode(failed.reason, Code.NotFound)) throw failed.reason;
    });
  }

  async leftovers(): Promise<readonly string[]> {
    const lines = ownLines(await hostListing(), this.#marks());
    return lines.filter((line) => !this.#isOfDaemon(line));
  }

  leaks(): Promise<readonly string[]> {
    return countLeaks(this.configFile);
  }

  #marks(): { readonly lane: Lane; readonly instance: string | undefined } {
    let instance: string | undefined;
    try {
      instance = this.instance;
    } catch {
      // It never came to have one.
    }
    return { lane: this.lane, instance };
  }

  /** What a daemon without pods has on the host: itself, its sockets, the bridge of its network, its shims' cgroup. */
  #isOfDaemon(line: string): boolean {
    const { lane, state } = this;
    return (
      line === `link: ${lane.bridge}` ||
      line.startsWith(`socket: ${state}/`) ||
      // Parents of pods' cgroups are their maker's, which is the kubelet; the shims' is for all of them.
      (line.startsWith("cgroup: ") && !/\/crib-[0-9a-f]{64}(\/|$)/.test(line)) ||
      (line.startsWith("process: ") && line.includes(`serve --config ${this.configFile}`)) ||
      /^ipam: .*\/(ipam\/[^/]+|last_reserved_ip\.\d+|lock)$/.test(line)
    );
  }

  /** Ends the node. Everything is tried; what went wrong is thrown in the end, and told at once. */
  async end(before: HostListing, tell: (message: string) => void): Promise<void> {
    const problems: unknown[] = [];
    const attempt = async (doing: string, work: () => Promise<void>): Promise<void> => {
      try {
        await work();
      } catch (reason) {
        tell(`${doing}: ${reason instanceof Error ? reason.message : String(reason)}`);
        problems.push(new Error(doing, { cause: reason }));
      }
    };
    await attempt("ending the node's pods", async () => {
      if (!this.#daemon) return;
      // What the daemon has to clean up it must not owe to a new start; but a dead one, or one with faults, cannot.
      if (!this.#sound) await this.restart();
      await this.removeAllPods();
      await this.term();
    });
    // One that could not be ended well would keep its test from ending.
    await attempt("ending the daemon", async () => {
      if (this.#daemon) await this.kill();
    });
    this.cri.close();
    await attempt("counting leaks by crib", async () => expectNone(await this.leaks()));
    const marks = this.#marks();
    await attempt("counting what is left by a listing of the host", async () => expectNone(await this.leftovers()));
    await attempt("clearing the lane", () => clearLane(this.lane));
    await attempt("comparing the host with what it was before", async () =>
      expectNone(await whatChanged(before, marks)),
    );
    if (problems.length === 0) return;
    tell(`the daemon printed:\n${this.#output.slice(-20_000)}`);
    throw new AggregateError(problems, "the node did not end as it should");
  }
}

function expectNone(lines: readonly string[]): void {
  if (lines.length > 0) throw new Error(`expected nothing, found\n${lines.join("\n")}`);
}
