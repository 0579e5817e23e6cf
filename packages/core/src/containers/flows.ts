import { flow } from "../flow/flow.ts";
import type { Flow } from "../flow/types.ts";
import { closeIo, deleteTask, dropCgroup, dropIo, endProcesses, takeBackTask } from "./steps/end.ts";
import { makeFiles, removeFiles } from "./steps/files.ts";
import { takeBackCreate, tellCreate, tellStart } from "./steps/plugins.ts";
import { mountRootfs, prepareSnapshot, removeSnapshot, unmountRootfs } from "./steps/snapshot.ts";
import { buildSpec, prepareVolumes, releaseVolumes, writeSpec } from "./steps/spec.ts";
import { awaitExit, kill, sendStopSignal } from "./steps/stop.ts";
import { findService, makeTask, makeTaskAhead, openIo, openIoAhead, openIoEarly, startTask } from "./steps/task.ts";
import type { ContainerDeps } from "./steps/types.ts";
import { updateTask, writeResources } from "./steps/update.ts";
import type { ContainerFacts, ContainerPlan } from "./types.ts";

/** A flow over the row of a container. */
export type ContainerFlow = Flow<ContainerDeps, ContainerPlan, ContainerFacts>;

/** Longer than any grace period that a pod can ask for; in milliseconds. */
const graceBudgetMs = 2_000_000_000;

/** CreateContainer: all that can be there before the runtime is called. */
export const createContainer: ContainerFlow = flow("CreateContainer", { recover: "undo" }, [
  { name: "files.make", do: makeFiles, undo: removeFiles, budgetMs: 10_000 },
  { name: "snapshot.prepare", do: prepareSnapshot, undo: removeSnapshot, budgetMs: 30_000 },
  {
    name: "rootfs.mount",
    after: ["files.make", "snapshot.prepare"],
    do: mountRootfs,
    undo: unmountRootfs,
    budgetMs: 30_000,
  },
  { name: "volumes.prepare", after: ["rootfs.mount"], do: prepareVolumes, undo: releaseVolumes, budgetMs: 60_000 },
  { name: "spec.build", after: ["volumes.prepare"], do: buildSpec, budgetMs: 30_000 },
  { name: "plugins.create", after: ["spec.build"], do: tellCreate, undo: takeBackCreate, budgetMs: 60_000 },
  { name: "spec.write", after: ["plugins.create"], do: writeSpec, budgetMs: 10_000 },
  { name: "io.open", after: ["files.make"], do: openIoEarly, undo: dropIo, budgetMs: 10_000 },
]);

/**
 * CreateTask, between CreateContainer and StartContainer: the process is there and waits. Nobody but the start sees anything of it,
 * which does the same where it has not been done.
 */
export const createTask: ContainerFlow = flow("CreateTask", { recover: "undo" }, [
  { name: "io.open", do: openIoAhead, undo: dropIo, budgetMs: 10_000 },
  { name: "service.find", do: findService, budgetMs: 40_000 },
  {
    name: "task.create",
    after: ["io.open", "service.find"],
    do: makeTaskAhead,
    undo: takeBackTask,
    budgetMs: 60_000,
    undoBudgetMs: 60_000,
  },
]);

/** StartContainer: what fails on the way is given back by EndContainer, the container has then exited. */
export const startContainer: ContainerFlow = flow("StartContainer", { recover: "settle" }, [
  { name: "io.open", do: openIo, budgetMs: 10_000 },
  { name: "service.find", do: findService, budgetMs: 40_000 },
  { name: "task.create", after: ["io.open", "service.find"], do: makeTask, budgetMs: 60_000 },
  { name: "plugins.start", after: ["task.create"], do: tellStart, budgetMs: 60_000 },
  { name: "task.start", after: ["plugins.start"], do: startTask, budgetMs: 60_000 },
]);

/** StopContainer: the process has ended when this has. */
export const stopContainer: ContainerFlow = flow("StopContainer", { recover: "finish" }, [
  { name: "signal.send", do: sendStopSignal, budgetMs: 10_000 },
  { name: "exit.await", after: ["signal.send"], do: awaitExit, budgetMs: graceBudgetMs },
  { name: "processes.kill", after: ["exit.await"], do: kill, budgetMs: 30_000 },
]);

/** EndContainer, of a container whose process has ended: what only a running one needs is given back. */
export const endContainer: ContainerFlow = flow("EndContainer", { recover: "finish" }, [
  { name: "processes.end", do: endProcesses, budgetMs: 20_000 },
  { name: "io.close", after: ["processes.end"], do: closeIo, budgetMs: 20_000 },
  { name: "task.delete", after: ["processes.end"], do: deleteTask, budgetMs: 40_000 },
  { name: "rootfs.unmount", after: ["task.delete"], do: unmountRootfs, budgetMs: 20_000 },
  { name: "cgroup.remove", after: ["task.delete"], do: dropCgroup, budgetMs: 20_000 },
]);

/** RemoveContainer, of one that does not run: nothing of it is left but the row, which goes with the commit. */
export const removeContainer: ContainerFlow = flow("RemoveContainer", { recover: "finish" }, [
  { name: "volumes.release", do: releaseVolumes, budgetMs: 30_000 },
  { name: "rootfs.unmount", do: unmountRootfs, budgetMs: 20_000 },
  { name: "files.remove", after: ["rootfs.unmount", "volumes.release"], do: removeFiles, budgetMs: 30_000 },
  { name: "snapshot.remove", after: ["rootfs.unmount", "volumes.release"], do: removeSnapshot, budgetMs: 120_000 },
]);

/** UpdateContainerResources: the new limits are in the facts before, so that the next daemon can apply them again. */
export const updateContainer: ContainerFlow = flow("UpdateContainerResources", { recover: "settle" }, [
  { name: "task.update", do: updateTask, budgetMs: 40_000 },
  { name: "spec.update", after: ["task.update"], do: writeResources, budgetMs: 10_000 },
]);

/** Every flow over containers; the kill matrix is made from this list. */
export const containerFlows: readonly ContainerFlow[] = [
  createContainer,
  createTask,
  startContainer,
  stopContainer,
  endContainer,
  removeContainer,
  updateContainer,
];
