import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { connectCri, type CriClient } from "@crib/cri-client";
import { Code, hasCode } from "@crib/errdefs";

import { clearLane } from "./clear-lane.ts";
import { type Marks, ownLines, whatChanged } from "./compare-listings.ts";
import { countLeaks } from "./count-leaks.ts";
import { type DaemonProcess, startDaemon } from "./daemon-process.ts";
import { eventually } from "./eventually.ts";
import { hostListing, type HostListing } from "./host-listing.ts";
import type { Lane } from "./lane.ts";
import type { Node, NodeOptions, PodOptions } from "./node.ts";
import { kubeletPodConfig, type PodConfig } from "./pod-config.ts";
import { type Pod, podHandle } from "./pod.ts";
import { writeNodeConfig } from "./write-node-config.ts";

/** Milliseconds for a call, so that one that hangs fails its test instead of standing still with it. */
const callMs = 60_000;

/** A node in a lane. It makes nothing until it is told to. */
export class LaneNode implements Node {
  readonly lane: Lane;
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly configFile: string;
  readonly cniConfDir: string;
  readonly #faultsFile: string;
  readonly #before: HostListing;
  readonly #options: NodeOptions;
  #cri: CriClient;
  #daemon: DaemonProcess | undefined;
  #output = "";
  /** Whether a daemon without faults runs. */
  #sound = false;
  #pods = 0;

  /** `before` is the host as it was before the node. */
  constructor(lane: Lane, before: HostListing, options: NodeOptions) {
    this.lane = lane;
    this.#before = before;
    this.#options = options;
    this.root = join(lane.dir, "root");
    this.state = join(lane.dir, "state");
    this.socket = join(this.state, "crib.sock");
    this.configFile = join(lane.dir, "config.toml");
    this.cniConfDir = join(lane.dir, "net.d");
    this.#faultsFile = join(lane.dir, "faults");
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
    writeNodeConfig(this, this.#options);
    this.inject("");
  }

  inject(faults: string): void {
    // By its inode a daemon knows a new file, so that the old one has to be there until it is.
    writeFileSync(`${this.#faultsFile}.new`, faults);
    renameSync(`${this.#faultsFile}.new`, this.#faultsFile);
    this.#sound &&= faults === "";
  }

  async restart({ faults = "" }: { readonly faults?: string } = {}): Promise<void> {
    if (this.#daemon) await this.kill();
    this.inject(faults);
    // A connection that was lost waits before it connects again.
    this.#cri.close();
    this.#cri = connectCri(this.socket, { timeoutMs: callMs });
    this.#daemon = await startDaemon({
      configFile: this.configFile,
      onOutput: (text) => (this.#output += text),
      env: { CRIB_FAULTS: `file:${this.#faultsFile}` },
      ...(this.#options.umask === undefined ? {} : { umask: this.#options.umask }),
    });
    this.#sound = faults === "";
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
    const config = {
      ...kubeletPodConfig(name, this.lane.cgroup),
      // The kubelet's own place would outlive the test.
      logDirectory: join(this.lane.dir, "logs", name),
    };
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
    const marks = this.#marks();
    // What an ended test left on this lane is not this node's.
    const before = new Set(ownLines(this.#before, marks));
    return ownLines(await hostListing(), marks).filter((line) => !before.has(line) && !this.#isOfDaemon(line));
  }

  leaks(): Promise<readonly string[]> {
    return countLeaks(this.configFile);
  }

  #marks(): Marks {
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
      /^ipam: .*\/((ipam|networks)\/[^/]+|last_reserved_ip\.\d+|lock)$/.test(line)
    );
  }

  /** Ends the node. Everything is tried; what went wrong is thrown in the end, and told at once. */
  async end(tell: (message: string) => void): Promise<void> {
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
      // What it has begun to remove in the background it may end. What stays is counted when it has gone, more strictly.
      await eventually(5_000, async () => expectNone(await this.leaks())).catch(() => {});
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
    let isCleared = false;
    await attempt("clearing the lane", async () => {
      await clearLane(this.lane);
      isCleared = true;
    });
    await attempt("comparing the host with what it was before", async () =>
      expectNone(await whatChanged(this.#before, marks)),
    );
    // A lane that could not be cleared stays taken: whoever looks into the failure finds it as it is.
    if (isCleared) this.lane.free();
    if (problems.length === 0) return;
    tell(`the daemon printed:\n${this.#output.slice(-20_000)}`);
    throw new AggregateError(problems, "the node did not end as it should");
  }
}

function expectNone(lines: readonly string[]): void {
  if (lines.length > 0) throw new Error(`expected nothing, found\n${lines.join("\n")}`);
}
