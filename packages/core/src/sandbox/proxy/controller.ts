import { Code, hasCode, StatusError } from "@crib/errdefs";
import type {
  ControllerDeclaration,
  ExitStatus,
  Platform,
  Sandbox,
  SandboxInstance,
  SandboxMetrics,
  SandboxPending,
  SandboxResources,
  SandboxStatus,
  SandboxTasks,
  TaskEndpoint,
} from "@crib/sandboxer";

import { checkTaskId, identityOf } from "../../tasks/index.ts";
import { Turns } from "../../tasks/turns.ts";
import { KnownPods } from "../known-pods/known-pods.ts";
import { awaitStopped, stoppedExitCode } from "./await-stopped.ts";
import { wasNeverSent } from "./connection-errors.ts";
import { instanceNamespaces } from "./instance-namespaces.ts";
import { Limit } from "./limit.ts";
import { PodEndpoints } from "./pod-endpoints.ts";
import { PodMemories, type TableTask } from "./pod-memory.ts";
import { podStatus } from "./pod-status.ts";
import { isProcessOfPod } from "./process-of-pod.ts";
import { ProxiedPod } from "./proxied-pod.ts";
import { SandboxerCalls } from "./sandboxer-calls.ts";
import { SandboxerLink } from "./sandboxer-link.ts";
import { TaskTables } from "./task-table.ts";
import type { ProxyBudgets, ProxyController, ProxyControllerOptions, SandboxerState } from "./types.ts";
import { type PodWatch, watchPod } from "./watch-pod.ts";

const defaultBudgets: ProxyBudgets = { start: 60_000, stop: 10_000, shutdown: 10_000, other: 5_000, probe: 1_000 };

/** How many sandboxes are asked for their status at a time when a sandboxer is back. */
const parallelAsks = 16;
/** Milliseconds that the first status of an adopted sandbox may take: a sandboxer that hangs must not hold up the start of the daemon. */
const adoptMs = 3_000;

/**
 * The controller whose boundaries a separate process owns: one that serves `containerd.services.sandbox.v1.Controller` on a unix
 * socket. Connects with the first call; a sandboxer that is not there makes its sandboxes pending and fails calls with Unavailable.
 */
export function createProxyController(options: ProxyControllerOptions): ProxyController {
  return new Proxied(options);
}

class Proxied implements ProxyController {
  readonly declares: ControllerDeclaration;
  readonly tasks?: SandboxTasks;
  readonly #options: ProxyControllerOptions;
  readonly #budgets: ProxyBudgets;
  readonly #link: SandboxerLink;
  readonly #calls: SandboxerCalls;
  readonly #pods = new KnownPods<ProxiedPod>();
  /** Ids of sandboxes whose Create never left: nobody was there. */
  readonly #unsent = new Set<string>();
  readonly #endpoints: PodEndpoints;
  readonly #tables: TaskTables;
  readonly #asks = new Limit(parallelAsks);
  #platform: Platform | undefined;

  constructor(options: ProxyControllerOptions) {
    const { config, log } = options;
    this.#options = options;
    this.#budgets = { ...defaultBudgets, ...options.budgets };
    this.declares = { netns: "crib", network: config.network, pins: ["net", "user"], localTasks: false };
    this.#link = new SandboxerLink(options, this.#budgets);
    this.#calls = new SandboxerCalls(this.#link, options, this.#budgets);
    const memories = new PodMemories(options.stateDir, log);
    const turns = new Turns();
    this.#endpoints = new PodEndpoints(this.#calls, memories, turns);
    this.#tables = new TaskTables({
      sandboxer: config.name,
      updates: config.taskUpdates,
      memories,
      turns,
      send: (id, tasks, signal) => this.#sendTasks(id, tasks, signal),
      isOver: (id) => this.#pods.find(id)?.exit.status !== undefined,
      log,
    });
    if (config.taskUpdates !== "off") this.tasks = this.#tables;
    this.#link.onReturn(() => this.#tables.forgetTold());
  }

  describe(): SandboxerState {
    const { name, address, state } = this.#link;
    const platform = this.#platform && { platform: this.#platform };
    return { name, address, ...state, ...platform, tasksByUpdate: this.#tables.understood };
  }

  async probe(signal: AbortSignal): Promise<string> {
    const { name, address } = this.#link;
    try {
      await this.#link.greet(signal);
    } catch (reason) {
      if (!hasCode(reason, Code.Unimplemented)) throw reason;
      const text = `sandboxer "${name}": what listens at "${address}" does not serve containerd.services.sandbox.v1.Controller`;
      throw new StatusError(Code.FailedPrecondition, text, { cause: reason });
    }
    return `sandboxer "${name}" answers at "${address}"`;
  }

  async create(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
    const { id } = sandbox;
    checkTaskId(id);
    const pod = new ProxiedPod(sandbox);
    this.#pods.add(pod);
    try {
      await this.#calls.create(sandbox, signal);
    } catch (reason) {
      this.#pods.delete(id);
      const { cause } = StatusError.from(reason);
      // The sandboxer knows nothing of it, and need not be there for it to be taken back.
      if (cause instanceof StatusError && wasNeverSent(cause)) this.#unsent.add(id);
      throw reason;
    }
  }

  async start(id: string, signal: AbortSignal): Promise<SandboxInstance> {
    const pod = this.#pods.get(id, "starting");
    if (pod.isStarting || pod.state.kind !== "created" || pod.exit.status !== undefined) {
      throw new StatusError(Code.FailedPrecondition, `starting sandbox "${id}": it has been started`);
    }
    pod.isStarting = true;
    try {
      return await this.#start(pod, signal);
    } finally {
      pod.isStarting = false;
    }
  }

  async adopt(sandbox: Sandbox, { process }: SandboxInstance, signal: AbortSignal): Promise<SandboxStatus> {
    const { id } = sandbox;
    const hasOwnProcess = await this.#endpoints.hasOwnProcess(id);
    const known = this.#pods.find(id);
    if (known) return await podStatus(this.#watchOf(known), signal);
    const pod = new ProxiedPod(sandbox);
    pod.state = { kind: "ready", hasOwnProcess, ...(process && { process }) };
    this.#pods.add(pod);
    const status = await podStatus(this.#watchOf(pod), signal, { timeoutMs: adoptMs });
    if (status.state !== "exited") void watchPod(this.#watchOf(pod), status.state === "ready");
    return status;
  }

  async endpoint(id: string, signal: AbortSignal): Promise<TaskEndpoint> {
    const found = await this.#endpoints.find(id);
    if (found) return found;
    const doing = "finding the task service of";
    this.#pods.get(id, doing);
    const endpoint = await this.#blaming(`${doing} sandbox "${id}"`, () => this.#endpoints.fetch(id, signal));
    await this.#endpoints.refresh(id, endpoint);
    return endpoint;
  }

  async platform(id: string, signal: AbortSignal): Promise<Platform> {
    this.#pods.get(id, "naming the platform of");
    return (this.#platform = await this.#calls.platform(id, signal));
  }

  async status(id: string, { verbose }: { readonly verbose: boolean }, signal: AbortSignal): Promise<SandboxStatus> {
    return await podStatus(this.#watchOf(this.#pods.get(id, "reading the status of")), signal, { verbose });
  }

  pending(id: string): SandboxPending | undefined {
    const pod = this.#pods.find(id);
    if (pod === undefined || pod.exit.status !== undefined || pod.state.kind !== "ready") return undefined;
    const untold = pod.untold ?? this.#link.loss;
    if (untold === undefined) return undefined;
    const { since, reason } = untold;
    return { since, reason, readyUntil: new Date(since.getTime() + this.#options.config.pendingGraceMs) };
  }

  async metrics(id: string, signal: AbortSignal): Promise<SandboxMetrics | undefined> {
    this.#pods.get(id, "measuring");
    return await this.#calls.metrics(id, signal);
  }

  async update(
    id: string,
    change: { readonly resources?: SandboxResources; readonly overhead?: SandboxResources },
    signal: AbortSignal,
  ): Promise<void> {
    const pod = this.#pods.get(id, "updating");
    const sandbox = { ...pod.sandbox, ...change };
    try {
      await this.#calls.update(id, sandbox, { fields: ["extensions.dev.crib/sandbox"] }, signal);
      pod.sandbox = sandbox;
    } catch (reason) {
      // The pod's cgroup is the caller's; one that has no limits of its own has nothing to do.
      if (!hasCode(reason, Code.Unimplemented)) throw reason;
    }
  }

  async wait(id: string, signal: AbortSignal): Promise<ExitStatus> {
    return await this.#pods.get(id, "waiting for").exit.wait(signal);
  }

  async stop(id: string, { graceMs }: { readonly graceMs: number }, signal: AbortSignal): Promise<void> {
    const pod = this.#pods.find(id);
    if (pod?.exit.status !== undefined || this.#unsent.has(id)) return;
    await this.#calls.stop(id, graceMs, signal);
    if (pod?.state.kind === "created") return pod.exit.settle(0);
    await awaitStopped(id, pod && this.#watchOf(pod), this.#calls, this.#budgets.stop, signal);
  }

  async shutdown(id: string, signal: AbortSignal): Promise<void> {
    if (this.#unsent.delete(id)) return;
    const pod = this.#pods.find(id);
    if (pod?.exit.status === undefined) await this.#stopFirst(id, signal);
    await this.#calls.shutdown(id, signal);
    pod?.leaving.abort(new StatusError(Code.NotFound, `sandbox "${id}" is shut down`));
    pod?.exit.settle(pod.state.kind === "created" ? 0 : stoppedExitCode);
    await this.#endpoints.drop(id);
    this.#tables.drop(id);
    this.#pods.delete(id);
  }

  retire(): void {
    this.#leave(new StatusError(Code.Unavailable, `sandboxer "${this.#link.name}" is not configured any more`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leave(new StatusError(Code.Canceled, "the daemon ends"));
  }

  #leave(reason: StatusError): void {
    for (const { leaving } of this.#pods.all()) leaving.abort(reason);
    this.#link.close(reason);
  }

  async #start(pod: ProxiedPod, signal: AbortSignal): Promise<SandboxInstance> {
    const { id, sandbox } = pod;
    const { pid, createdAt, labels, endpoint, spec } = await this.#calls.start(id, signal);
    // Looked at before anything else is waited for: later another process may have the number.
    const process = identityOf(pid);
    const hasOwnProcess = process !== undefined && isProcessOfPod(process, sandbox);
    const namespaces = await this.#blaming(`starting sandbox "${id}"`, async () => {
      await this.#endpoints.begin(id, endpoint ?? (await this.#endpoints.fetch(id, signal)), hasOwnProcess);
      // Nothing of a pod in the host's network tells its process from others.
      const holder = hasOwnProcess || sandbox.hostNetwork ? process : undefined;
      return instanceNamespaces(sandbox, { pid, process: holder, spec }, this.#options.config.namespacePaths);
    });
    pod.state = { kind: "ready", hasOwnProcess, ...(process && { process }) };
    void watchPod(this.#watchOf(pod), true);
    this.#learnPlatform(pod);
    return { createdAt, labels, namespaces, ...(process && { process }), ...(spec !== undefined && { spec }) };
  }

  /** Once, for `describe`; nothing depends on it. */
  #learnPlatform({ id, leaving }: ProxiedPod): void {
    if (this.#platform !== undefined) return;
    this.#calls.platform(id, leaving.signal).then(
      (platform) => (this.#platform = platform),
      () => {}, // whoever needs it asks for it, and sees why
    );
  }

  #watchOf(pod: ProxiedPod): PodWatch {
    const ask: PodWatch["ask"] = async (signal, options) => {
      const said = await this.#calls.status(pod.id, signal, options);
      const isKept = pod.state.kind === "ready" && this.#pods.find(pod.id) === pod;
      if (isKept && said?.running === true && said.endpoint) await this.#endpoints.refresh(pod.id, said.endpoint);
      return said;
    };
    return { link: this.#link, pod, ask, asks: this.#asks, log: this.#options.log };
  }

  /** Not every sandboxer frees what still runs. What it says of that does not matter if it can free it. */
  async #stopFirst(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#calls.stop(id, 0, signal);
    } catch (reason) {
      if (signal.aborted || this.#link.loss) throw reason;
      this.#options.log("warn", "sandbox is shut down without having been stopped", {
        sandboxId: id,
        error: (reason as Error).message,
      });
    }
  }

  async #sendTasks(id: string, tasks: readonly TableTask[], signal: AbortSignal): Promise<void> {
    const extensions = { tasks: { typeUrl: "types.containerd.io/sandbox/tasks", json: JSON.stringify({ tasks }) } };
    await this.#calls.update(id, this.#pods.find(id)?.sandbox, { extensions, fields: ["extensions.tasks"] }, signal);
  }

  /** Says of what fails after an answer whose answer it was. */
  async #blaming<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (reason) {
      const { code, message } = StatusError.from(reason);
      throw new StatusError(code, `${doing}: sandboxer "${this.#link.name}": ${message}`, { cause: reason });
    }
  }
}
