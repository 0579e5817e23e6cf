import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import { isProcessAlive } from "@crib/linux";
import type { ImageConfig } from "@crib/oci-spec";

import { toKernelIdentity } from "../../tasks/process-identity.ts";
import type { ContainerFacts } from "../types.ts";
import { sandboxOf } from "./snapshot.ts";
import type { ContainerStepContext, CreateSession } from "./types.ts";

/** Signal that asks a program to end where neither request nor image names one. */
const usualStopSignal = "SIGTERM";

/** Mounts images and fills volumes. */
export async function prepareVolumes(context: ContainerStepContext): Promise<Partial<ContainerFacts> | void> {
  const { id, plan, deps, signal, midpoint } = context;
  const image = await configOf(context);
  const volumes = await deps.volumes.prepare({ id, plan, image, rootfs: `${plan.bundleDir}/rootfs` }, signal);
  sessionOf(context).volumes = volumes;
  await midpoint();
  const imageMounts = volumes.flatMap(({ containerPath, image }) =>
    image ? [{ containerPath, imageId: image.id, digest: image.digest }] : [],
  );
  if (imageMounts.length > 0) return { imageMounts };
}

/** Takes them off. */
export async function releaseVolumes({ id, plan, deps, signal, midpoint }: ContainerStepContext): Promise<void> {
  await deps.volumes.release(id, plan, signal);
  await midpoint();
}

/** Makes the specification from configuration, image and pod. */
export async function buildSpec(context: ContainerStepContext): Promise<Partial<ContainerFacts>> {
  const { id, plan, deps, signal, midpoint } = context;
  const sandbox = sandboxOf(context);
  const image = await configOf(context);
  const session = sessionOf(context);
  const { handler } = sandbox.plan;
  const targetPid = targetOf(context);
  const { spec, user } = await deps.buildSpec(
    {
      id,
      plan,
      sandbox,
      handler,
      image,
      rootfs: `${plan.bundleDir}/rootfs`,
      ...(targetPid === undefined ? {} : { targetPid }),
      volumes: session.volumes,
      features: deps.features,
      options: deps.specOptions,
    },
    signal,
  );
  session.spec = spec;
  await midpoint();
  return { user, stopSignal: plan.stopSignal || image.stopSignal || usualStopSignal };
}

/** Writes the specification for the runtime. */
export async function writeSpec(context: ContainerStepContext): Promise<void> {
  const { spec } = sessionOf(context);
  await context.midpoint();
  await writeFile(join(context.plan.bundleDir, "config.json"), JSON.stringify(spec), { mode: 0o600 });
}

/** What the flow's steps hand each other. */
export function sessionOf({ id, deps }: Pick<ContainerStepContext, "id" | "deps">): CreateSession {
  const session = deps.sessions.get(id);
  if (session) return session;
  throw new StatusError(Code.Internal, `container "${id}": it is not being created`);
}

/**
 * Process whose PID namespace the container joins. FailedPrecondition when the container that is named does not run, or not in the same
 * pod.
 */
export function targetOf({ id, plan, deps }: Pick<ContainerStepContext, "id" | "plan" | "deps">): number | undefined {
  const { pid } = plan.security;
  if (typeof pid === "string") return undefined;
  const target = deps.findContainer(pid.target);
  const process = target?.facts.process;
  const isThere = target?.state === "running" && target.plan.sandboxId === plan.sandboxId;
  if (isThere && process && isProcessAlive(toKernelIdentity(process))) return process.pid;
  throw new StatusError(
    Code.FailedPrecondition,
    `container "${id}": container "${pid.target}", whose processes it shall share, does not run in its pod`,
  );
}

async function configOf({ id, facts, deps }: ContainerStepContext): Promise<ImageConfig> {
  if (!facts.image) throw new StatusError(Code.Internal, `container "${id}": its image is not resolved`);
  return await deps.images.config(facts.image.id as Parameters<typeof deps.images.config>[0]);
}
