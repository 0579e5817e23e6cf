import { toJson } from "@bufbuild/protobuf";
import type { ControllerFacts, SandboxRecord } from "@crib/core/sandbox";
import { PodSandboxConfigSchema } from "@crib/wire/cri";

import { parsedJson } from "../parsed-json.ts";
import { decodePodConfig } from "./pod-config.ts";

/** What verbose PodSandboxStatus tells beyond the status: one JSON text, the form that `crictl inspectp` prints. */
export function toSandboxInfo(record: SandboxRecord, said: ControllerFacts | undefined): string {
  const { plan, facts } = record;
  return JSON.stringify({
    pid: facts.instance?.process?.pid ?? 0,
    processStatus: processStatus(record),
    netNamespaceClosed: !plan.hostNetwork && (record.state === "notready" || record.state === "removing"),
    namespaces: facts.instance?.namespaces ?? plan.namespaces,
    controller: plan.handler.controller,
    controllerInfo: said,
    runtimeHandler: plan.handler.name,
    runtimeType: plan.handler.runtimeType,
    runtimeOptions: plan.handler.options,
    config: toJson(PodSandboxConfigSchema, decodePodConfig(plan), { useProtoFieldName: true }),
    runtimeSpec: parsedJson(facts.instance?.spec),
    networkReady: isAttached(record),
    cniResult: facts.network?.results ?? [],
    networks: plan.networks.map(({ name, ifName }, index) => ({
      name,
      interface: ifName,
      result: facts.network?.results[index],
    })),
    sandboxMetadata: metadata(record),
    timings: record.runs,
    problem: record.problem,
    unreachable: record.unreachable,
    pending: record.pending,
    exit: facts.exit,
    ...facts.updated,
  });
}

/** A pod without a process of its own is `none` while it is ready: its namespaces are pinned, nothing has to run. */
function processStatus({ state, facts }: SandboxRecord): string {
  if (state !== "ready") return "deleted";
  return facts.instance?.process ? "running" : "none";
}

/** Whether the pod has its network: apart from whether the pod is ready, since it is attached before and detached after that. */
function isAttached({ plan, facts, state }: SandboxRecord): boolean {
  if (plan.hostNetwork) return state === "ready";
  return facts.network !== undefined && state !== "notready" && state !== "removing";
}

function metadata({ id, name, state, createdAt, plan, facts }: SandboxRecord): unknown {
  const [ip = "", ...additionalIps] = facts.network?.addresses ?? [];
  return {
    id,
    name,
    state,
    createdAt,
    ip,
    additionalIps,
    hostname: plan.hostname,
    netnsPath: plan.namespaces.net ?? "",
    cgroupPath: plan.cgroupPath,
    rootDir: plan.rootDir,
    stateDir: plan.stateDir,
    checksum: plan.checksum,
  };
}
