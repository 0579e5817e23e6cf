import type { LinuxResources } from "@crib/wire/nri";
import type { ContainerUpdate, PodSandbox } from "@crib/wire/nri";

import { Connections } from "./connections.ts";
import { InvocationCounters } from "./plugin/invocation-counters.ts";
import { PluginList } from "./plugin/plugin-list.ts";
import { createContainerRound } from "./rounds/create-container.ts";
import { notifyRound } from "./rounds/notify.ts";
import type { RoundContext } from "./rounds/round-context.ts";
import { stopContainerRound } from "./rounds/stop-container.ts";
import { updateContainerRound } from "./rounds/update-container.ts";
import { updatePodSandboxRound } from "./rounds/update-pod-sandbox.ts";
import type {
  ContainerSubject,
  CreateResult,
  NotifyEvent,
  Nri,
  NriEvent,
  NriHost,
  NriLog,
  NriMetrics,
  NriOptions,
  PluginInfo,
  Subject,
  UpdateResult,
} from "./types.ts";
import { checkRequired } from "./validate/default-validator.ts";

/** The runtime's side of NRI, not started yet. `log` is told of every plugin that comes, goes and fails; default: nobody. */
export function createNri(options: NriOptions, log: NriLog = () => {}): Nri {
  return new NriRuntime(options, log);
}

class NriRuntime implements Nri {
  readonly #options: NriOptions;
  readonly #plugins = new PluginList();
  readonly #counters = new InvocationCounters();
  readonly #adjustments = new Map<string, number>();
  readonly #connections: Connections;
  readonly #round: RoundContext;

  constructor(options: NriOptions, log: NriLog) {
    this.#options = options;
    this.#connections = new Connections(options, log, this.#plugins, this.#counters);
    this.#round = {
      options,
      log,
      plugins: this.#plugins,
      evict: (plugin, evictions) => this.#connections.evict(plugin, evictions),
      countAdjustments: (name, count) => this.#adjustments.set(name, (this.#adjustments.get(name) ?? 0) + count),
    };
  }

  async start(host: NriHost): Promise<void> {
    if (this.#options.enable) await this.#connections.start(host);
  }

  get isActive(): boolean {
    return this.#plugins.all.length > 0 || this.#validates;
  }

  get #validates(): boolean {
    return this.#options.enable && this.#options.defaultValidator.enable;
  }

  wants(event: NriEvent): boolean {
    // The built-in validator asks at these two for plugins that are required.
    if (this.#validates && (event === "CreateContainer" || event === "RunPodSandbox")) return true;
    if (event === "CreateContainer" && this.#plugins.wants("ValidateContainerAdjustment")) return true;
    return this.#plugins.wants(event);
  }

  plugins(): readonly PluginInfo[] {
    return this.#plugins.all.map((plugin) => plugin.info);
  }

  async notify(event: NotifyEvent, subject: Subject, signal: AbortSignal): Promise<void> {
    if (event === "RunPodSandbox" && this.#validates && subject.pod !== undefined) {
      checkRequired(this.#options.defaultValidator, subject.pod, this.plugins());
    }
    await notifyRound(this.#round, event, subject, signal);
  }

  async updatePodSandbox(
    pod: PodSandbox,
    change: { readonly overhead?: LinuxResources; readonly resources?: LinuxResources },
    signal: AbortSignal,
  ): Promise<void> {
    await updatePodSandboxRound(this.#round, pod, change, signal);
  }

  createContainer(subject: ContainerSubject, signal: AbortSignal): Promise<CreateResult> {
    return createContainerRound(this.#round, subject, signal);
  }

  updateContainer(subject: ContainerSubject, resources: LinuxResources, signal: AbortSignal): Promise<UpdateResult> {
    return updateContainerRound(this.#round, subject, resources, signal);
  }

  stopContainer(subject: Subject, signal: AbortSignal): Promise<readonly ContainerUpdate[]> {
    return stopContainerRound(this.#round, subject, signal);
  }

  metrics(): NriMetrics {
    return {
      activePlugins: this.#plugins.all.length,
      invocations: this.#counters.snapshot(),
      adjustments: Object.fromEntries(this.#adjustments),
    };
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
