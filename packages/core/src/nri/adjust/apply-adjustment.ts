import type { LinuxSpec, RuntimeSpec } from "@crib/oci-spec";
import type { ContainerAdjustment, LinuxContainerAdjustment } from "@crib/wire/nri";

import type { ContainerRecord } from "../../containers/types.ts";
import type { SandboxRecord } from "../../sandbox/types.ts";
import { injectCdi } from "../../spec/devices/inject-cdi.ts";
import { blockIoClass } from "../../spec/resources/block-io-class.ts";
import { expectRdt } from "../../spec/resources/expect-rdt.ts";
import { rdtClass } from "../../spec/resources/rdt-class.ts";
import type { HostFeatures, SpecOptions } from "../../spec/types.ts";
import { adjustLinux, adjustRdt } from "./adjust-linux.ts";
import { adjustMounts } from "./adjust-mounts.ts";
import { adjustHooks, adjustProcess } from "./adjust-process.ts";
import { adjustResources } from "./adjust-resources.ts";
import { adjustMap } from "./entries.ts";

/** Whose specification is adjusted, and where. */
export interface AdjustmentTarget {
  readonly sandbox: SandboxRecord;
  readonly container: ContainerRecord;
  readonly features: HostFeatures;
  readonly options: SpecOptions;
}

/**
 * A specification with what plugins together want of it; the one given is not changed. Fails when the host lacks what they want: the
 * container must then not be created.
 */
export async function applyAdjustment(
  spec: RuntimeSpec,
  adjust: ContainerAdjustment,
  target: AdjustmentTarget,
): Promise<RuntimeSpec> {
  const annotations = adjustMap(spec.annotations, adjust.annotations);
  const hooks = adjustHooks(spec.hooks, adjust.hooks);
  const names = adjust.CDIDevices.map(({ name }) => name);
  const withProcess: RuntimeSpec = {
    ...spec,
    ...(annotations && { annotations }),
    ...(spec.process && { process: adjustProcess(spec.process, adjust) }),
    ...(hooks && { hooks }),
  };
  const withCdi = await injectCdi(withProcess, names, target.options.cdiSpecDirs);
  const { linux: before } = withCdi;
  const linux = before && adjust.linux ? await adjustedLinux(before, adjust.linux, target) : before;
  const { mounts, rootfsPropagation } = await adjustMounts(
    withCdi.mounts ?? [],
    linux?.rootfsPropagation,
    adjust.mounts,
  );
  const adjusted: RuntimeSpec = {
    ...withCdi,
    mounts,
    ...(linux && { linux: { ...linux, ...(rootfsPropagation && { rootfsPropagation }) } }),
  };
  return expectRdt(adjusted, target.container.id, target.features);
}

async function adjustedLinux(
  before: LinuxSpec,
  adjust: LinuxContainerAdjustment,
  target: AdjustmentTarget,
): Promise<LinuxSpec> {
  const { blockioClass, rdtClass: rdtClassName } = adjust.resources ?? {};
  const { intelRdt: rdtBefore, ...linux } = adjustLinux(before, adjust);
  const { blockIO: blockIoBefore, ...resources } = adjustResources(
    linux.resources ?? {},
    adjust.resources,
    adjust.devices,
    target,
  );
  const blockIO = blockioClass ? await blockIoClass(withClass("blockio", blockioClass.value, target)) : blockIoBefore;
  const classed = rdtClassName ? rdtClass(withClass("rdt", rdtClassName.value, target)) : rdtBefore;
  const intelRdt = adjust.rdt ? adjustRdt(classed, adjust.rdt) : classed;
  return {
    ...linux,
    resources: { ...resources, ...(blockIO && { blockIO }) },
    ...(intelRdt && { intelRdt }),
  };
}

/** A container as if its own annotation gave it the class: an empty name is none. */
function withClass(
  kind: "blockio" | "rdt",
  name: string,
  { container, sandbox, options }: AdjustmentTarget,
): Parameters<typeof blockIoClass>[0] {
  const annotations = { ...container.plan.annotations, [`io.kubernetes.cri.${kind}-class`]: name };
  return { id: container.id, plan: { ...container.plan, annotations }, sandbox, options };
}
