import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";
import type { TaskEndpoint } from "@crib/sandboxer";
import * as z from "zod";

import type { TaskLog } from "../../tasks/index.ts";

/** A process of a task, as the table of tasks has it. */
export interface TableProcess {
  readonly exec_id: string;
  readonly spec: unknown;
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** A line of the table of tasks: the names are those of the protocol. */
export interface TableTask {
  readonly task_id: string;
  readonly spec: unknown;
  readonly rootfs: readonly {
    readonly destination: string;
    readonly target: string;
    readonly type: string;
    readonly source: string;
    readonly options: readonly string[];
  }[];
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly processes: readonly TableProcess[];
}

/** What has to be known of a sandbox while its sandboxer is away, and after a restart of crib. */
export interface PodMemory {
  readonly endpoint: TaskEndpoint;
  /** Absent when the table was lost: none is sent then, since it would take the tasks that run from the sandbox. */
  readonly tasks?: readonly TableTask[];
  /** Whether the process that Start named was the pod's for certain. Absent is no. */
  readonly hasOwnProcess?: boolean;
}

const schema = z.object({
  version: z.literal(1),
  endpoint: z.looseObject({ protocol: z.enum(["ttrpc", "grpc"]), address: z.string(), version: z.number() }),
  tasks: z
    .array(z.looseObject({ task_id: z.string(), processes: z.array(z.looseObject({ exec_id: z.string() })) }))
    .optional(),
  hasOwnProcess: z.boolean().optional(),
});

/** What is remembered of sandboxes, each in `STATE/sandboxes/ID/sandboxer.json`. Writes for one id must come one after the other. */
export class PodMemories {
  readonly #stateDir: string;
  readonly #log: TaskLog;
  readonly #loaded = new Map<string, PodMemory>();

  constructor(stateDir: string, log: TaskLog) {
    this.#stateDir = stateDir;
    this.#log = log;
  }

  /** Undefined when there is none, or what is there was edited or torn, which is logged. */
  async load(id: string): Promise<PodMemory | undefined> {
    const known = this.#loaded.get(id);
    if (known !== undefined) return known;
    const read = await this.#read(id);
    // What was written meanwhile is newer.
    if (read !== undefined && !this.#loaded.has(id)) this.#loaded.set(id, read);
    return this.#loaded.get(id);
  }

  /** Replaces it, whole or not at all. */
  async write(id: string, memory: PodMemory): Promise<void> {
    const path = this.#path(id);
    try {
      await writeFile(`${path}.new`, `${JSON.stringify({ version: 1, ...memory })}\n`, { mode: 0o600 });
      await rename(`${path}.new`, path);
    } catch (reason) {
      throw StatusError.from(reason, `remembering the task service of sandbox "${id}"`);
    }
    this.#loaded.set(id, memory);
  }

  /** Forgets it for good. Absence is success. */
  async drop(id: string): Promise<void> {
    this.#loaded.delete(id);
    const path = this.#path(id);
    await Promise.all([path, `${path}.new`].map((file) => rm(file, { force: true })));
  }

  async #read(id: string): Promise<PodMemory | undefined> {
    const path = this.#path(id);
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw StatusError.from(reason, `reading "${path}"`);
    }
    try {
      const { version: _, ...memory } = schema.parse(JSON.parse(text));
      return memory as unknown as PodMemory;
    } catch (reason) {
      const { message: error } = reason as Error;
      this.#log("warn", "what is remembered of a sandbox is torn or was edited", { sandboxId: id, path, error });
      return undefined;
    }
  }

  #path(id: string): string {
    return join(this.#stateDir, "sandboxes", id, "sandboxer.json");
  }
}
