import type { NetworkTurn } from "@crib/sandboxer";

import { flow } from "../flow/flow.ts";
import type { Flow } from "../flow/types.ts";
import { create, shutdown, start, stop } from "./steps/boundary.ts";
import { dropCgroup, makeCgroup } from "./steps/cgroup.ts";
import { removeContainers, stopContainers } from "./steps/containers.ts";
import { removeFiles, writeFiles } from "./steps/files.ts";
import { pin, unpin } from "./steps/namespaces.ts";
import { attach, detach } from "./steps/network.ts";
import { takeBackRun, tellRemove, tellRun, tellStop } from "./steps/plugins.ts";
import { mountShm, unmountShm } from "./steps/shm.ts";
import type { SandboxDeps } from "./steps/types.ts";
import type { SandboxFacts, SandboxPlan } from "./types.ts";

/** A flow over the row of a pod sandbox. */
export type SandboxFlow = Flow<SandboxDeps, SandboxPlan, SandboxFacts>;

const ownsShm = (plan: SandboxPlan): boolean => !plan.hostIpc;
const ownsNamespaces = (plan: SandboxPlan): boolean => Object.keys(plan.namespaces).length > 0;
const hasNetwork = (plan: SandboxPlan): boolean => plan.networks.length > 0;
const turnIs = (plan: SandboxPlan, ...turns: readonly NetworkTurn[]): boolean => turns.includes(plan.declares.network);
const netnsByController = (plan: SandboxPlan): boolean => plan.declares.netns === "controller";

/** Attaching waits for the namespace, and for the controller where that wants to be first. */
const networkTurn = (plan: SandboxPlan): readonly string[] =>
  turnIs(plan, "after-start") || netnsByController(plan) ? ["namespaces.pin", "sandbox.start"] : ["namespaces.pin"];
const createTurn = (plan: SandboxPlan): readonly string[] => [
  "namespaces.pin",
  "shm.mount",
  ...(turnIs(plan, "before-create") ? ["network.attach"] : []),
];
const startTurn = (plan: SandboxPlan): readonly string[] => [
  "sandbox.create",
  // Preparing puts no process into the cgroup, so it need not wait for the eleven directories that this can be.
  "cgroup.create",
  ...(turnIs(plan, "before-start") ? ["network.attach"] : []),
];

/** RunPodSandbox: the pod is READY when every branch has ended. */
export const runPodSandbox: SandboxFlow = flow("RunPodSandbox", { recover: "undo" }, [
  { name: "files.write", do: writeFiles, undo: removeFiles, budgetMs: 10_000 },
  { name: "shm.mount", after: ["files.write"], when: ownsShm, do: mountShm, undo: unmountShm, budgetMs: 10_000 },
  { name: "cgroup.create", do: makeCgroup, undo: dropCgroup, budgetMs: 10_000 },
  { name: "namespaces.pin", after: ["files.write"], when: ownsNamespaces, do: pin, undo: unpin, budgetMs: 10_000 },
  {
    name: "network.attach",
    after: networkTurn,
    when: hasNetwork,
    do: attach,
    undo: detach,
    budgetMs: 90_000,
    undoBudgetMs: 60_000,
  },
  { name: "sandbox.create", after: createTurn, do: create, undo: shutdown, budgetMs: 60_000 },
  { name: "sandbox.start", after: startTurn, do: start, undo: stop, budgetMs: 60_000 },
  {
    name: "plugins.run",
    after: ["sandbox.start", "network.attach", "shm.mount", "files.write"],
    do: tellRun,
    undo: takeBackRun,
    budgetMs: 60_000,
  },
]);

/** StopPodSandbox: what only a running pod needs is given back. The network goes last: plugins that are told before may still need it. */
export const stopPodSandbox: SandboxFlow = flow("StopPodSandbox", { recover: "finish" }, [
  { name: "containers.stop", do: stopContainers, budgetMs: 60_000 },
  { name: "sandbox.stop", after: ["containers.stop"], do: stop, budgetMs: 30_000 },
  { name: "plugins.stop", after: ["sandbox.stop"], do: tellStop, budgetMs: 60_000 },
  { name: "network.detach", after: ["plugins.stop"], when: hasNetwork, do: detach, budgetMs: 60_000 },
  {
    name: "namespaces.unpin",
    after: ["sandbox.stop", "network.detach"],
    when: ownsNamespaces,
    do: unpin,
    budgetMs: 10_000,
  },
  { name: "shm.unmount", after: ["sandbox.stop"], when: ownsShm, do: unmountShm, budgetMs: 10_000 },
]);

/** RemovePodSandbox, of a stopped pod: nothing of it is left but the row, which goes with the commit. */
export const removePodSandbox: SandboxFlow = flow("RemovePodSandbox", { recover: "finish" }, [
  { name: "containers.remove", do: removeContainers, budgetMs: 120_000 },
  { name: "sandbox.shutdown", after: ["containers.remove"], do: shutdown, budgetMs: 30_000 },
  { name: "plugins.remove", after: ["sandbox.shutdown"], do: tellRemove, budgetMs: 60_000 },
  { name: "cgroup.remove", after: ["sandbox.shutdown"], do: dropCgroup, budgetMs: 20_000 },
  { name: "files.remove", after: ["sandbox.shutdown"], do: removeFiles, budgetMs: 20_000 },
]);

/** Every flow over pod sandboxes; the kill matrix is made from this list. */
export const sandboxFlows: readonly SandboxFlow[] = [runPodSandbox, stopPodSandbox, removePodSandbox];
