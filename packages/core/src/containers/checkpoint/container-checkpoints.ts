import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";

import type { RuntimeHandler } from "../../sandbox/types.ts";
import { isRuncRuntime } from "../../tasks/runtime-options.ts";
import type { TaskClient } from "../../tasks/types.ts";
import type { ContainerDeps } from "../steps/types.ts";
import type { ContainerRecord } from "../types.ts";
import { type ArchiveOutput, openArchiveOutput, type OutputIdentity, removeArchiveOutput } from "./archive-output.ts";
import { endCheckpointProcesses, keepEndingCheckpointProcesses } from "./checkpoint-processes.ts";
import { describeContainer } from "./describe-container.ts";
import { dumpTask, resumeTask } from "./dump-task.ts";
import { findCriu } from "./find-criu.ts";
import { type ArchiveMember, writeArchive } from "./write-archive.ts";

/** Milliseconds where the request names none. */
const usualTimeoutMs = 60_000;
/** Milliseconds to have a container run again. */
const resumeMs = 15_000;

/** Collaborators of checkpoints. */
export type CheckpointDeps = Pick<ContainerDeps, "services" | "snapshots" | "trees" | "findSandbox" | "log">;

/** A checkpoint to be written. */
export interface CheckpointRequest {
  /** Absolute path of the archive. */
  readonly location: string;
  /** 0: the default, 60,000. */
  readonly timeoutMs: number;
}

/**
 * Writes checkpoints of running containers with CRIU: archives as containerd and checkpointctl know them, which also keep what the container
 * has changed in its root file system (an OCI layer, `rootfs-diff.tar`) and its log. The container is paused meanwhile and runs on afterwards.
 *
 * What is collected lies in `<root>/containers/<id>/checkpoint`. That directory is the record of what has to be taken back: it is made before
 * the container is paused and removed after it runs again.
 */
export class ContainerCheckpoints {
  readonly #deps: CheckpointDeps;
  /** Containers that could not be made to run again. */
  readonly #stuck = new Set<string>();

  constructor(deps: CheckpointDeps) {
    this.#deps = deps;
  }

  /**
   * Unimplemented where the host or the pod's runtime cannot; FailedPrecondition when the container does not run or there is no directory for
   * the archive; AlreadyExists when there is a file; DeadlineExceeded; Internal with what CRIU says. On failure no archive is left.
   */
  async make(record: ContainerRecord, { location, timeoutMs }: CheckpointRequest, signal: AbortSignal): Promise<void> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs || usualTimeoutMs)]);
    try {
      await this.#refuse(record, limit);
      await this.takeBack(record);
      const output = await openArchiveOutput(location);
      await this.#fill(output, record, limit);
    } catch (reason) {
      throw StatusError.from(limit.aborted ? limit.reason : reason, `checkpointing container "${record.id}"`);
    }
  }

  /** Takes back what a checkpoint has left that was not completed, by this daemon or an earlier one. Nothing to do is the usual case. */
  async takeBack(record: ContainerRecord): Promise<void> {
    const directory = directoryOf(record);
    const output = await readOutput(directory);
    if (output === undefined) return;
    await endCheckpointProcesses(directory);
    if (record.state === "running") {
      // An earlier daemon may have asked for what the shim only begins now; it answers nobody before that has ended.
      const resumed = new AbortController();
      const ending = keepEndingCheckpointProcesses(directory, resumed.signal);
      await this.#resume(record).finally(() => resumed.abort());
      await ending;
    }
    if (output) await removeArchiveOutput(output);
    await rm(directory, { recursive: true, force: true });
  }

  /** As `takeBack`, at the start of the daemon. Never rejects: what cannot be taken back is logged. */
  async takeBackLater(record: ContainerRecord): Promise<void> {
    try {
      await this.takeBack(record);
    } catch (reason) {
      const fields = { containerId: record.id, error: StatusError.from(reason).message };
      this.#deps.log.warn(fields, "an unfinished checkpoint cannot be taken back");
    }
  }

  async #refuse(record: ContainerRecord, signal: AbortSignal): Promise<void> {
    if (record.state !== "running") throw new StatusError(Code.FailedPrecondition, "it does not run");
    const { name, runtimeType } = this.#handlerOf(record);
    if (!isRuncRuntime(runtimeType)) {
      const why = `runtime handler "${name}" is "${runtimeType}", and only runc and crun in the shim of runc make checkpoints`;
      throw new StatusError(Code.Unimplemented, why);
    }
    await findCriu(process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin", signal);
  }

  async #fill({ handle, identity }: ArchiveOutput, record: ContainerRecord, limit: AbortSignal): Promise<void> {
    const directory = directoryOf(record);
    try {
      await mkdir(directory, { mode: 0o700 });
      await writeFile(join(directory, "output.json"), JSON.stringify(identity), { mode: 0o600 });
      await mkdir(join(directory, "work"), { mode: 0o700 });
      const members = await this.#collect(record, directory, limit);
      await writeArchive(handle, members, limit);
      await handle.close();
    } catch (reason) {
      await handle.close().catch(() => {}); // it goes
      await removeArchiveOutput(identity);
      throw reason;
    } finally {
      // Kept while the container could not be made to run again, so that the next start tries.
      if (!this.#stuck.has(record.id)) await rm(directory, { recursive: true, force: true });
    }
  }

  /** Memory and files belong together, so the container stands still until it has both. */
  async #collect(record: ContainerRecord, directory: string, limit: AbortSignal): Promise<readonly ArchiveMember[]> {
    const { id, plan } = record;
    const { services, snapshots, trees } = this.#deps;
    const handler = this.#handlerOf(record);
    const spec = await readFile(join(plan.bundleDir, "config.json"), "utf8");
    const images = join(directory, "checkpoint");
    const work = join(directory, "work");
    const changes = join(directory, "rootfs-diff.tar");
    const { tasks } = await services.of(plan.sandboxId, limit);
    const at = new Date();
    try {
      // Not given up: the shim would go on with it, and pause what runs again by then.
      await tasks.pause(id, new AbortController().signal);
      await dumpTask(tasks, { id, images, work }, limit);
      const mappings = snapshots.find(plan.snapshotKey)?.idMappings;
      await trees.packTree(snapshots.changes(plan.snapshotKey), mappings, changes, limit);
    } finally {
      await this.#resume(record, tasks);
    }
    return [
      ...describeContainer(record, handler, spec, at),
      { name: "stats-dump", path: join(work, "stats-dump"), isOptional: true },
      { name: "dump.log", path: join(work, "dump.log"), isOptional: true },
      ...(plan.logPath === "" ? [] : [{ name: "container.log", path: plan.logPath, isOptional: true }]),
      { name: "rootfs-diff.tar", path: changes },
      ...(await filesOf(images, "checkpoint")),
    ];
  }

  #handlerOf({ plan }: ContainerRecord): RuntimeHandler {
    const sandbox = this.#deps.findSandbox(plan.sandboxId);
    if (sandbox?.state === "ready") return sandbox.plan.handler;
    throw new StatusError(Code.FailedPrecondition, `its sandbox "${plan.sandboxId}" is not ready`);
  }

  async #resume({ id, plan }: ContainerRecord, known?: TaskClient): Promise<void> {
    const signal = AbortSignal.timeout(resumeMs);
    this.#stuck.add(id);
    const tasks = known ?? (await this.#deps.services.of(plan.sandboxId, signal)).tasks;
    await resumeTask(tasks, id, signal);
    this.#stuck.delete(id);
  }
}

function directoryOf({ plan }: ContainerRecord): string {
  return join(plan.rootDir, "checkpoint");
}

/** What a checkpoint was written to; undefined where none was begun, null where it had not come so far as to say. */
async function readOutput(directory: string): Promise<OutputIdentity | null | undefined> {
  try {
    await readdir(directory);
    return JSON.parse(await readFile(join(directory, "output.json"), "utf8")) as OutputIdentity;
  } catch (reason) {
    if (reason instanceof SyntaxError) return null;
    if (!hasCode(StatusError.from(reason), Code.NotFound)) throw StatusError.from(reason, `reading "${directory}"`);
    return (reason as NodeJS.ErrnoException).path === directory ? undefined : null;
  }
}

/** CRIU's images lie flat in their directory. */
async function filesOf(directory: string, name: string): Promise<readonly ArchiveMember[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => ({ name: `${name}/${entry.name}`, path: join(directory, entry.name) }));
}
