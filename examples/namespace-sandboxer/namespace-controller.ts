import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import { namespaceState, pinNamespaces, sysctlNamespace, unpinNamespace } from "@crib/linux";
import type {
  ControllerDeclaration,
  ExitStatus,
  NamespacePaths,
  Platform,
  Sandbox,
  SandboxController,
  SandboxInstance,
  SandboxStatus,
  TaskEndpoint,
} from "@crib/sandboxer";

import { endPause, findPause, startPause, waitForPause } from "./pause.ts";

/** A pod of this controller, and its end for all who wait for that. */
interface Pod {
  readonly sandbox: Sandbox;
  readonly ended: PromiseWithResolvers<ExitStatus>;
  instance?: SandboxInstance;
  exit?: ExitStatus;
}

/**
 * Isolates pods by namespaces: it joins the network namespace that it is given, and makes IPC and UTS namespaces, which it keeps as files. A process
 * is needed only where the containers share a PID namespace: a pause, which is the first in it.
 */
export class NamespaceController implements SandboxController {
  readonly declares: ControllerDeclaration = { netns: "crib", network: "parallel", pins: ["net"] };
  readonly #pods = new Map<string, Pod>();
  readonly #pinDir: string;
  readonly #endpoint: () => Promise<TaskEndpoint>;

  constructor(stateDir: string, endpoint: () => Promise<TaskEndpoint>) {
    this.#pinDir = join(stateDir, "namespaces");
    this.#endpoint = endpoint;
  }

  async create(sandbox: Sandbox): Promise<void> {
    const { id, hostname, sysctls } = sandbox;
    if (sandbox.uidMappings.length > 0) {
      throw new StatusError(Code.InvalidArgument, `creating sandbox "${id}": user namespaces are not supported`);
    }
    if (this.#pods.has(id)) throw new StatusError(Code.AlreadyExists, `creating sandbox "${id}": it exists`);
    await mkdir(join(this.#pinDir, id), { recursive: true, mode: 0o700 });
    const { ipc, uts } = this.#pins(sandbox);
    // Those of the network are set by whoever made that namespace.
    const own = Object.entries(sysctls).filter(([name]) => sysctlNamespace(name) !== "net");
    pinNamespaces({ ipc, uts, ...(uts === undefined ? {} : { hostname }), sysctls: Object.fromEntries(own) });
    this.#add(sandbox);
  }

  async start(id: string): Promise<SandboxInstance> {
    const pod = this.#get(id);
    const { sandbox } = pod;
    const namespaces = { ...sandbox.namespaces, ...this.#pins(sandbox) };
    const process = sandbox.pidMode === "pod" ? await startPause(sandbox) : undefined;
    pod.instance = {
      createdAt: new Date(),
      labels: {},
      namespaces: process === undefined ? namespaces : { ...namespaces, pid: `/proc/${process.pid}/ns/pid` },
      ...(process === undefined ? {} : { process }),
    };
    this.#watch(pod);
    return pod.instance;
  }

  async adopt(sandbox: Sandbox, instance: SandboxInstance): Promise<SandboxStatus> {
    const pod = this.#pods.get(sandbox.id) ?? this.#add(sandbox);
    if (pod.instance === undefined) {
      pod.instance = instance;
      const pins = Object.values(this.#pins(sandbox));
      if (pins.every((path) => namespaceState(path) === "namespace")) this.#watch(pod);
      else end(pod, 255);
    }
    return await this.status(sandbox.id);
  }

  async endpoint(id: string): Promise<TaskEndpoint> {
    this.#get(id);
    return await this.#endpoint();
  }

  async platform(): Promise<Platform> {
    return { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch, variant: "" };
  }

  async status(id: string, options?: { readonly verbose: boolean }): Promise<SandboxStatus> {
    const { instance, exit } = this.#get(id);
    const info: Record<string, string> = options?.verbose ? { namespaces: JSON.stringify(instance?.namespaces) } : {};
    if (exit !== undefined) return { state: "exited", info, exit };
    const { process } = instance ?? {};
    return { state: instance ? "ready" : "created", info, ...(process === undefined ? {} : { process }) };
  }

  /** The pod's cgroup says all that there is to say. */
  async metrics(id: string): Promise<undefined> {
    this.#get(id);
  }

  /** The pod's cgroup has the limits. */
  async update(id: string): Promise<void> {
    this.#get(id);
  }

  async wait(id: string, signal: AbortSignal): Promise<ExitStatus> {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(StatusError.from(signal.reason)), { once: true });
    return await Promise.race([this.#get(id).ended.promise, promise]);
  }

  async stop(id: string): Promise<void> {
    const pod = this.#pods.get(id);
    // Of a pod that is not known to have started, a process before this one may have left a pause.
    const pause = pod?.instance === undefined ? await findPause(id) : pod.instance.process;
    if (pause !== undefined) await endPause(pause);
    if (pod !== undefined) end(pod, pause === undefined ? 0 : 137);
  }

  async shutdown(id: string): Promise<void> {
    await this.stop(id);
    const directory = join(this.#pinDir, id);
    for (const kind of ["ipc", "uts"]) await unpinNamespace(join(directory, kind));
    await rm(directory, { recursive: true, force: true });
    this.#pods.delete(id);
  }

  /** The namespaces that are made here. As a name belongs to an address, a pod in the host's network has the host's. */
  #pins({ id, hostIpc, hostNetwork }: Sandbox): Pick<NamespacePaths, "ipc" | "uts"> {
    const directory = join(this.#pinDir, id);
    return {
      ...(hostIpc ? {} : { ipc: join(directory, "ipc") }),
      ...(hostNetwork ? {} : { uts: join(directory, "uts") }),
    };
  }

  #add(sandbox: Sandbox): Pod {
    const pod: Pod = { sandbox, ended: Promise.withResolvers() };
    this.#pods.set(sandbox.id, pod);
    return pod;
  }

  #get(id: string): Pod {
    const pod = this.#pods.get(id);
    if (pod === undefined) throw new StatusError(Code.NotFound, `sandbox "${id}": there is none`);
    return pod;
  }

  /** Namespaces do not end by themselves; a process may. */
  #watch(pod: Pod): void {
    const { process } = pod.instance ?? {};
    if (process !== undefined) void waitForPause(process).then(() => end(pod, 137));
  }
}

function end(pod: Pod, exitCode: number): void {
  pod.exit ??= { exitCode, exitedAt: new Date() };
  pod.ended.resolve(pod.exit);
}
