import { clone, create } from "@bufbuild/protobuf";
import {
  type CDIDevice,
  type Container,
  type ContainerAdjustment,
  ContainerAdjustmentSchema,
  ContainerSchema,
  Field,
  type Hooks,
  type KeyValue,
  type LinuxContainerAdjustment,
  type LinuxDevice,
  type LinuxNamespace,
  type LinuxNetDevice,
  type LinuxRdt,
  type LinuxResources,
  type Mount,
  type POSIXRlimit,
} from "@crib/wire/nri";

import { FieldOwners } from "./field-owners.ts";
import { entryChanges, KeyedEntries } from "./keyed-entries.ts";
import { hasHooks, mergeHooks } from "./merge-hooks.ts";
import { mergeRdt } from "./merge-rdt.ts";
import { overlayResources, resourceClaims } from "./merge-resources.ts";

const simpleFields = {
  oomScoreAdj: { field: Field.OomScoreAdj, label: "OOM score adjustment" },
  ioPriority: { field: Field.IoPriority, label: "I/O priority" },
  seccompPolicy: { field: Field.SeccompPolicy, label: "seccomp policy" },
  scheduler: { field: Field.LinuxSched, label: "scheduler" },
  memoryPolicy: { field: Field.MemoryPolicy, label: "memory policy" },
} as const;

type SimpleKey = keyof typeof simpleFields;

/** What all plugins so far want of a container that is being created. Each field has one owner; a second claim throws. */
export class AdjustmentMerge {
  readonly owners: FieldOwners;
  readonly #pristine: Container;
  readonly #annotations: KeyedEntries<string>;
  readonly #mounts: KeyedEntries<Mount>;
  readonly #env: KeyedEntries<KeyValue>;
  readonly #devices: KeyedEntries<LinuxDevice>;
  readonly #namespaces: KeyedEntries<LinuxNamespace>;
  readonly #sysctl: KeyedEntries<string>;
  readonly #netDevices: KeyedEntries<LinuxNetDevice>;
  readonly #rlimits: KeyedEntries<POSIXRlimit>;
  readonly #cdiDevices: KeyedEntries<CDIDevice>;
  #args: readonly string[] = [];
  #hooks: Hooks | undefined;
  #resources: LinuxResources | undefined;
  #rdt: LinuxRdt | undefined;
  #cgroupsPath = "";
  #simple: Pick<LinuxContainerAdjustment, SimpleKey> = {};
  #isEmpty = true;

  constructor(container: Container) {
    const owners = new FieldOwners(container.id);
    this.owners = owners;
    this.#pristine = container;
    this.#annotations = new KeyedEntries(owners, Field.Annotations, "annotation");
    this.#mounts = new KeyedEntries(owners, Field.Mounts, "mount");
    this.#env = new KeyedEntries(owners, Field.Env, "environment variable");
    this.#devices = new KeyedEntries(owners, Field.Devices, "device");
    this.#namespaces = new KeyedEntries(owners, Field.Namespace, "namespace");
    this.#sysctl = new KeyedEntries(owners, Field.Sysctl, "sysctl");
    this.#netDevices = new KeyedEntries(owners, Field.LinuxNetDevices, "network device");
    this.#rlimits = new KeyedEntries(owners, Field.Rlimits, "rlimit");
    this.#cdiDevices = new KeyedEntries(owners, Field.CdiDevices, "CDI device");
  }

  /** Adds what one plugin wants; it was checked for its form. Throws FailedPrecondition when another owns a part of it. */
  apply(plugin: string, adjust: ContainerAdjustment): void {
    this.#isEmpty = false;
    this.#annotations.apply(plugin, entryChanges(Object.entries(adjust.annotations)), "never");
    this.#mounts.apply(plugin, entryChanges(adjust.mounts.map((mount) => [mount.destination, mount])), "earlier");
    this.#env.apply(plugin, entryChanges(adjust.env.map((env) => [env.key, env])), "earlier");
    this.#rlimits.apply(
      plugin,
      added(adjust.rlimits, (rlimit) => rlimit.type),
      "never",
    );
    this.#cdiDevices.apply(
      plugin,
      added(adjust.CDIDevices, (device) => device.name),
      "never",
    );
    this.#applyArgs(plugin, adjust.args);
    if (hasHooks(adjust.hooks)) {
      this.#hooks = mergeHooks(this.#hooks, adjust.hooks);
      this.owners.share(plugin, Field.OciHooks);
    }
    if (adjust.linux !== undefined) this.#applyLinux(plugin, adjust.linux);
  }

  #applyArgs(plugin: string, args: readonly string[]): void {
    const [first, ...rest] = args;
    if (first === undefined) return;
    const claim = { field: Field.Args, label: "arguments" };
    // An empty first element says that an earlier plugin's arguments are replaced on purpose.
    if (first === "") this.owners.clear(claim);
    this.owners.claim(plugin, claim);
    this.#args = first === "" ? rest : args;
  }

  #applyLinux(plugin: string, linux: LinuxContainerAdjustment): void {
    this.#devices.apply(plugin, entryChanges(linux.devices.map((device) => [device.path, device])), "earlier");
    this.#namespaces.apply(plugin, entryChanges(linux.namespaces.map((of) => [of.type, of])), "always");
    this.#sysctl.apply(plugin, entryChanges(Object.entries(linux.sysctl)), "never");
    this.#netDevices.apply(plugin, entryChanges(Object.entries(linux.netDevices)), "never");
    if (linux.resources !== undefined) {
      for (const claim of resourceClaims(linux.resources)) this.owners.claim(plugin, claim);
      this.#resources = overlayResources(this.#resources, linux.resources);
    }
    if (linux.rdt !== undefined) this.#rdt = mergeRdt(this.owners, plugin, this.#rdt, linux.rdt);
    if (linux.cgroupsPath !== "") {
      this.owners.claim(plugin, { field: Field.CgroupsPath, label: "cgroups path" });
      this.#cgroupsPath = linux.cgroupsPath;
    }
    for (const [key, claim] of Object.entries(simpleFields)) {
      const value = linux[key as SimpleKey];
      if (value === undefined) continue;
      this.owners.claim(plugin, claim);
      this.#simple = { ...this.#simple, [key]: value };
    }
  }

  /** All of it as one adjustment; undefined when no plugin wants anything. */
  result(): ContainerAdjustment | undefined {
    if (this.#isEmpty) return undefined;
    return create(ContainerAdjustmentSchema, {
      annotations: mergedMap(this.#annotations, ""),
      mounts: [...this.#mounts.merged<Partial<Mount>>((destination) => ({ destination }), keep)] as Mount[],
      env: [...this.#env.merged<Partial<KeyValue>>((key) => ({ key }), keep)] as KeyValue[],
      ...(this.#hooks && { hooks: this.#hooks }),
      rlimits: [...this.#rlimits.merged(never, keep)],
      CDIDevices: [...this.#cdiDevices.merged(never, keep)],
      args: [...this.#args],
      linux: {
        ...this.#simple,
        devices: [...this.#devices.merged<Partial<LinuxDevice>>((path) => ({ path }), keep)] as LinuxDevice[],
        ...(this.#resources && { resources: this.#resources }),
        cgroupsPath: this.#cgroupsPath,
        namespaces: [
          ...this.#namespaces.merged<Partial<LinuxNamespace>>((type) => ({ type }), keep),
        ] as LinuxNamespace[],
        sysctl: mergedMap(this.#sysctl, ""),
        netDevices: mergedMap(this.#netDevices, {} as LinuxNetDevice),
        ...(this.#rdt && { rdt: this.#rdt }),
      },
    });
  }

  /** The container as the next plugin is to see it. */
  view(): Container {
    if (this.#isEmpty) return this.#pristine;
    const view = clone(ContainerSchema, this.#pristine);
    view.annotations = this.#annotations.applyToMap(view.annotations);
    view.mounts = this.#mounts.applyTo(view.mounts, (mount) => mount.destination);
    view.env = this.#viewEnv(view.env);
    view.rlimits = this.#rlimits.applyTo(view.rlimits, (rlimit) => rlimit.type);
    if (this.#args.length > 0) view.args = [...this.#args];
    if (this.#hooks) view.hooks = mergeHooks(view.hooks, this.#hooks);
    if (view.linux !== undefined) this.#viewLinux(view.linux);
    return view;
  }

  #viewEnv(env: readonly string[]): string[] {
    const entries = env.map((line) => {
      const at = line.indexOf("=");
      return { key: at < 0 ? line : line.slice(0, at), value: at < 0 ? "" : line.slice(at + 1) } as KeyValue;
    });
    return this.#env.applyTo(entries, ({ key }) => key).map(({ key, value }) => `${key}=${value}`);
  }

  #viewLinux(linux: NonNullable<Container["linux"]>): void {
    linux.devices = this.#devices.applyTo(linux.devices, (device) => device.path);
    linux.namespaces = this.#namespaces.applyTo(linux.namespaces, (namespace) => namespace.type);
    linux.sysctl = this.#sysctl.applyToMap(linux.sysctl);
    linux.netDevices = this.#netDevices.applyToMap(linux.netDevices);
    if (this.#resources) linux.resources = overlayResources(linux.resources, this.#resources);
    if (this.#cgroupsPath !== "") linux.cgroupsPath = this.#cgroupsPath;
    const { oomScoreAdj, ioPriority, seccompPolicy, scheduler } = this.#simple;
    if (oomScoreAdj) linux.oomScoreAdj = oomScoreAdj;
    if (ioPriority) linux.ioPriority = ioPriority;
    if (seccompPolicy) linux.seccompPolicy = seccompPolicy;
    if (scheduler) linux.scheduler = scheduler;
    if (this.#rdt) linux.rdt = this.#rdt;
  }
}

function added<T>(entries: readonly T[], keyOf: (entry: T) => string): Parameters<KeyedEntries<T>["apply"]>[1] {
  return { removals: new Set(), additions: entries.map((entry) => [keyOf(entry), entry]) };
}

function keep<T>(_key: string, value: T): T {
  return value;
}

/** Of entries that cannot be removed. */
function never(key: string): never {
  throw new Error(`"${key}" cannot be removed`);
}

function mergedMap<T>(entries: KeyedEntries<T>, removed: T): Record<string, T> {
  return Object.fromEntries(
    entries.merged<readonly [string, T]>(
      (key) => [key, removed],
      (key, value) => [key, value],
    ),
  );
}
