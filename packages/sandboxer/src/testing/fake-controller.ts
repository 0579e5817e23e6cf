import { Code, StatusError } from "@crib/errdefs";

import type {
  ControllerDeclaration,
  ExitStatus,
  Platform,
  Sandbox,
  SandboxController,
  SandboxInstance,
  SandboxMetrics,
  SandboxProcess,
  SandboxStatus,
  SandboxTask,
  SandboxTasks,
  TaskEndpoint,
} from "../types.ts";

/** Names of the calls that a fake can be made to fail or hang. */
type Call = Exclude<keyof SandboxController, "declares" | "tasks" | "pending">;

interface Pod {
  readonly sandbox: Sandbox;
  readonly ended: PromiseWithResolvers<ExitStatus>;
  state: SandboxStatus["state"];
}

/** A controller whose boundaries are entries of a map. What it was asked for is in `calls`, such as `create a`. */
export class FakeController implements SandboxController {
  readonly declares: ControllerDeclaration = { netns: "crib", network: "parallel" };
  readonly calls: string[] = [];
  readonly pods = new Map<string, Pod>();
  readonly tasks: SandboxTasks;
  metricsOf: SandboxMetrics | undefined;
  readonly #behaviour = new Map<Call, "hang" | "hang deaf" | Error>();

  constructor() {
    const note = (...words: readonly string[]): Promise<void> => {
      this.calls.push(words.join(" "));
      return Promise.resolve();
    };
    this.tasks = {
      add: (id: string, task: SandboxTask) => note("add", id, task.id),
      remove: (id: string, taskId: string) => note("remove", id, taskId),
      addProcess: (id: string, taskId: string, process: SandboxProcess) => note("exec", id, taskId, process.execId),
      removeProcess: (id: string, taskId: string, execId: string) => note("unexec", id, taskId, execId),
    };
  }

  /** From now on a call fails, never settles until its signal is aborted, or not even then. */
  make(call: Call, behaviour: "hang" | "hang deaf" | Error | "work"): void {
    if (behaviour === "work") this.#behaviour.delete(call);
    else this.#behaviour.set(call, behaviour);
  }

  /** Ends a boundary as if by itself. */
  end(id: string, exitCode: number): void {
    const pod = this.#get(id);
    pod.state = "exited";
    pod.ended.resolve({ exitCode, exitedAt: new Date(1_000) });
  }

  async create(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
    await this.#enter("create", sandbox.id, signal);
    this.pods.set(sandbox.id, { sandbox, ended: Promise.withResolvers(), state: "created" });
  }

  async start(id: string, signal: AbortSignal): Promise<SandboxInstance> {
    await this.#enter("start", id, signal);
    this.#get(id).state = "ready";
    const namespaces = { net: "/ns/net", ipc: "/ns/ipc" };
    return { process: { pid: 42, startTime: 7 }, createdAt: new Date(0), labels: { of: id }, namespaces };
  }

  async adopt(sandbox: Sandbox, _instance: SandboxInstance, signal: AbortSignal): Promise<SandboxStatus> {
    await this.#enter("adopt", sandbox.id, signal);
    const pod: Pod = this.pods.get(sandbox.id) ?? { sandbox, ended: Promise.withResolvers(), state: "ready" };
    this.pods.set(sandbox.id, pod);
    return { state: pod.state, info: {} };
  }

  async endpoint(id: string, signal: AbortSignal): Promise<TaskEndpoint> {
    await this.#enter("endpoint", id, signal);
    return { protocol: "ttrpc", address: "vsock://3:1024", version: 2 };
  }

  async platform(id: string, signal: AbortSignal): Promise<Platform> {
    await this.#enter("platform", id, signal);
    return { os: "linux", architecture: "riscv64", variant: "" };
  }

  async status(id: string, { verbose }: { readonly verbose: boolean }, signal: AbortSignal): Promise<SandboxStatus> {
    await this.#enter("status", id, signal);
    const { state } = this.#get(id);
    return { state, info: verbose ? { more: "yes" } : {}, process: { pid: 42, startTime: 7 } };
  }

  async metrics(id: string, signal: AbortSignal): Promise<SandboxMetrics | undefined> {
    await this.#enter("metrics", id, signal);
    return this.metricsOf;
  }

  async update(id: string, change: object, signal: AbortSignal): Promise<void> {
    await this.#enter("update", `${id} ${JSON.stringify(change)}`, signal);
  }

  async wait(id: string, signal: AbortSignal): Promise<ExitStatus> {
    await this.#enter("wait", id, signal);
    return await Promise.race([this.#get(id).ended.promise, aborted(signal)]);
  }

  async stop(id: string, { graceMs }: { readonly graceMs: number }, signal: AbortSignal): Promise<void> {
    await this.#enter("stop", `${id} ${graceMs}`, signal);
    if (this.pods.has(id)) this.end(id, 137);
  }

  async shutdown(id: string, signal: AbortSignal): Promise<void> {
    await this.#enter("shutdown", id, signal);
    if (this.pods.has(id)) this.end(id, 137);
    this.pods.delete(id);
  }

  async #enter(call: Call, words: string, signal: AbortSignal): Promise<void> {
    this.calls.push(`${call} ${words}`);
    const behaviour = this.#behaviour.get(call);
    if (behaviour instanceof Error) throw behaviour;
    if (behaviour === "hang") await aborted(signal);
    if (behaviour === "hang deaf") await new Promise(() => undefined);
  }

  #get(id: string): Pod {
    const pod = this.pods.get(id);
    if (pod === undefined) throw new StatusError(Code.NotFound, `the fake has no "${id}"`);
    return pod;
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const leave = (): void => reject(StatusError.from(signal.reason));
  if (signal.aborted) leave();
  signal.addEventListener("abort", leave, { once: true });
  return await promise;
}
