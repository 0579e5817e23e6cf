import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { create } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { Code, hasCode } from "@crib/errdefs";
import type { LinuxResources, RuntimeSpec } from "@crib/oci-spec";

import { linuxResources } from "../../spec/index.ts";
import type { ContainerResources } from "../types.ts";
import type { ContainerDeps, ContainerStepContext } from "./types.ts";

/** How task services name the limits of the OCI specification; the value is JSON. */
const resourcesType = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";

/** Changes the limits of a running container. One that has just ended is success. */
export async function updateTask({ id, plan, facts, deps, signal, midpoint }: ContainerStepContext): Promise<void> {
  await midpoint();
  if (!facts.updating || deps.findContainer(id)?.state !== "running") return;
  const value = Buffer.from(JSON.stringify(limitsOf(facts.updating, deps)));
  try {
    const { tasks } = await deps.services.of(plan.sandboxId, signal);
    await tasks.update({ id, resources: create(AnySchema, { typeUrl: resourcesType, value }) }, signal);
  } catch (reason) {
    if (!hasCode(reason, Code.NotFound)) throw reason;
  }
}

/** Keeps the specification in step: a container that was created is started with it, others show it. */
export async function writeResources({ plan, facts, deps, midpoint }: ContainerStepContext): Promise<void> {
  const path = join(plan.bundleDir, "config.json");
  const spec = JSON.parse(await readFile(path, "utf8")) as RuntimeSpec;
  if (!facts.updating || !spec.linux) return;
  const resources = mergeResources(spec.linux.resources ?? {}, limitsOf(facts.updating, deps));
  await writeFile(`${path}.new`, JSON.stringify({ ...spec, linux: { ...spec.linux, resources } }), { mode: 0o600 });
  await midpoint();
  await rename(`${path}.new`, path);
}

function limitsOf(resources: ContainerResources, { features, specOptions }: ContainerDeps): LinuxResources {
  return linuxResources(resources, features, specOptions);
}

function mergeResources(old: LinuxResources, change: LinuxResources): LinuxResources {
  return {
    ...old,
    ...change,
    ...(change.cpu && { cpu: { ...old.cpu, ...change.cpu } }),
    ...(change.memory && { memory: { ...old.memory, ...change.memory } }),
    ...(change.unified && { unified: { ...old.unified, ...change.unified } }),
  };
}
