import { create, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { cgroupProcesses } from "@crib/linux";
import { ProcessDetailsSchema } from "@crib/wire/options";

import type { RuncTask } from "./runc-task.ts";

/** A process of a container; `info` names the exec that it is the first process of. */
export interface PidInfo {
  readonly pid: number;
  readonly info?: Any;
}

/** Lists all processes of a container. Empty once it has stopped. */
export async function listPids({ parts, execs }: RuncTask): Promise<PidInfo[]> {
  const pids = parts.cgroup === undefined ? [parts.init.pid] : await cgroupProcesses(parts.cgroup);
  const byPid = new Map([...execs].map(([execId, exec]) => [exec.pid, execId]));
  return pids.map((pid) => {
    const execId = byPid.get(pid);
    return execId === undefined ? { pid } : { pid, info: execInfo(execId) };
  });
}

function execInfo(execId: string): Any {
  const value = toBinary(ProcessDetailsSchema, create(ProcessDetailsSchema, { execId }));
  return create(AnySchema, { typeUrl: ProcessDetailsSchema.typeName, value });
}
