import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { create } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import type { Process } from "@crib/oci-spec";

import type { ContainerRecord } from "../../containers/types.ts";
import type { ExecRequest } from "../types.ts";

/** Shims know the process of an exec by this name; its value is JSON. */
const processType = "types.containerd.io/opencontainers/runtime-spec/1/Process";

/** The processes of containers, as their specifications have them: read once each, forgotten with the container's plan. */
export class ContainerProcesses {
  readonly #known = new WeakMap<ContainerRecord["plan"], Promise<Process>>();

  /**
   * The process of an additional command: that of the container with other arguments, so that its user, capabilities and
   * limits are the same. FailedPrecondition when the container has no specification that can be read.
   */
  async forExec(record: ContainerRecord, request: ExecRequest): Promise<Any> {
    const process = await this.#of(record);
    return create(AnySchema, {
      typeUrl: processType,
      value: Buffer.from(JSON.stringify(execProcess(process, request))),
    });
  }

  #of({ id, plan }: ContainerRecord): Promise<Process> {
    const known = this.#known.get(plan);
    if (known !== undefined) return known;
    const reading = readProcess(id, plan.bundleDir);
    this.#known.set(plan, reading);
    reading.catch(() => this.#known.delete(plan));
    return reading;
  }
}

/** A terminal's programs ask for its kind; nobody else has told them. */
export function execProcess(process: Process, { args, tty }: ExecRequest): Process {
  const { env = [], consoleSize: _, ...rest } = process;
  const others = env.filter((pair) => !pair.startsWith("TERM="));
  return { ...rest, args: [...args], terminal: tty, env: tty ? [...others, "TERM=xterm"] : env };
}

async function readProcess(id: string, bundleDir: string): Promise<Process> {
  const path = join(bundleDir, "config.json");
  try {
    const { process } = JSON.parse(await readFile(path, "utf8")) as { readonly process?: Process };
    if (process === undefined) throw new Error("it has no process");
    return process;
  } catch (error) {
    const why = (error as Error).message;
    const doing = `reading the process of container "${id}" from "${path}"`;
    throw new StatusError(Code.FailedPrecondition, `${doing}: ${why}`, { cause: error });
  }
}
