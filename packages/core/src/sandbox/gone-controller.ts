import { Code, StatusError } from "@crib/errdefs";
import { isProcessAlive, killCgroup } from "@crib/linux";
import type {
  ControllerDeclaration,
  ExitStatus,
  Platform,
  Sandbox,
  SandboxController,
  SandboxInstance,
  SandboxMetrics,
  SandboxStatus,
  TaskEndpoint,
} from "@crib/sandboxer";

import { toKernelIdentity } from "../tasks/process-identity.ts";
import type { Shims } from "../tasks/types.ts";
import type { OwedShutdowns } from "./owed-shutdowns.ts";
import type { StepLog } from "./steps/types.ts";
import type { SandboxRecord } from "./types.ts";

/** Milliseconds for the processes in a pod's cgroup to go. */
const killMs = 5_000;

/** What `createGoneController` is given. */
export interface GoneControllerOptions {
  readonly shims: Pick<Shims, "remove">;
  readonly findSandbox: (id: string) => SandboxRecord | undefined;
  readonly owed: Pick<OwedShutdowns, "note">;
  readonly log: StepLog;
}

/**
 * Stands in for controllers that are not configured any more. It ends of a pod what can be ended by crib's own names: what
 * runs in the pod's cgroup, and the shim of its bundle. What may be left of the controller's own is named in a warning and remembered,
 * since only the controller knows how to free it, should it come back. Everything else fails with FailedPrecondition.
 */
export function createGoneController(options: GoneControllerOptions): SandboxController {
  return new GoneController(options);
}

class GoneController implements SandboxController {
  readonly declares: ControllerDeclaration = { netns: "crib", network: "parallel" };
  readonly #options: GoneControllerOptions;

  constructor(options: GoneControllerOptions) {
    this.#options = options;
  }

  create({ id }: Sandbox): Promise<void> {
    return this.#refuse(id, "creating");
  }

  start(id: string): Promise<SandboxInstance> {
    return this.#refuse(id, "starting");
  }

  adopt({ id }: Sandbox): Promise<SandboxStatus> {
    return this.#refuse(id, "adopting");
  }

  endpoint(id: string): Promise<TaskEndpoint> {
    return this.#refuse(id, "finding the task service of");
  }

  platform(id: string): Promise<Platform> {
    return this.#refuse(id, "naming the platform of");
  }

  status(id: string): Promise<SandboxStatus> {
    return this.#refuse(id, "reading the status of");
  }

  metrics(id: string): Promise<SandboxMetrics | undefined> {
    return this.#refuse(id, "measuring");
  }

  update(id: string): Promise<void> {
    return this.#refuse(id, "updating");
  }

  wait(id: string): Promise<ExitStatus> {
    return this.#refuse(id, "waiting for");
  }

  async stop(id: string): Promise<void> {
    const record = this.#options.findSandbox(id);
    // The path ends in the sandbox's own id, so nothing but this pod's processes can be in it.
    if (record) await killCgroup(record.plan.cgroupPath, { timeoutMs: killMs });
  }

  async shutdown(id: string, signal: AbortSignal): Promise<void> {
    const { findSandbox, shims, owed, log } = this.#options;
    await this.stop(id);
    await shims.remove(id, signal);
    const record = findSandbox(id);
    if (!record) return;
    const { controller } = record.plan.handler;
    await owed.note(id, controller);
    const message = "pod sandbox is removed without its controller, which may have left something of its own";
    log.warn({ sandboxId: id, controller, ...remains(record) }, message);
  }

  async #refuse(id: string, doing: string): Promise<never> {
    const controller = this.#options.findSandbox(id)?.plan.handler.controller ?? "";
    throw new StatusError(Code.FailedPrecondition, `${doing} sandbox "${id}": ${whyGone(controller)}`);
  }
}

/** Why a pod of that controller can only be stopped and removed. */
export function whyGone(controller: string): string {
  return `its controller "${controller}" is not configured any more; it can be stopped and removed, or used again when the controller is configured again`;
}

/** What is known of the boundary that the controller built, as fields of the log. */
function remains({ facts: { instance } }: SandboxRecord): Readonly<Record<string, unknown>> {
  const process = instance?.process;
  const isAlive = process !== undefined && isProcessAlive(toKernelIdentity(process));
  return isAlive ? { pid: process.pid } : {};
}
