import type { RuntimeHandler } from "../../sandbox/types.ts";
import type { ContainerRecord } from "../types.ts";
import type { ArchiveMember } from "./write-archive.ts";

/**
 * The descriptions in an archive, as tools know them from containerd's: `config.dump` and `spec.dump` for checkpointctl, `status.dump` (a CRI
 * ContainerStatus) for a restore, `status` for times.
 */
export function describeContainer(
  record: ContainerRecord,
  handler: Pick<RuntimeHandler, "runtimeType">,
  spec: string,
  at: Date,
): readonly ArchiveMember[] {
  return [
    { name: "config.dump", content: JSON.stringify(configDump(record, handler, at)) },
    { name: "spec.dump", content: spec },
    { name: "status.dump", content: JSON.stringify(statusDump(record)) },
    { name: "status", content: JSON.stringify(statusFile(record)) },
  ];
}

function configDump(
  { id, name, createdAt, plan, facts }: ContainerRecord,
  { runtimeType }: Pick<RuntimeHandler, "runtimeType">,
  at: Date,
): object {
  const image = imageName(plan.userSpecifiedImage, facts.image?.reference ?? plan.image);
  return {
    id,
    name,
    rootfsImage: image,
    rootfsImageName: image,
    rootfsImageRef: facts.image?.digest ?? plan.image,
    runtime: runtimeType,
    createdTime: createdAt,
    checkpointedTime: at.toISOString(),
  };
}

/** The names are those of the CRI's messages. */
function statusDump({ id, createdAt, plan, facts }: ContainerRecord): object {
  return {
    id,
    metadata: { name: plan.name, attempt: plan.attempt },
    state: 1,
    created_at: nanoseconds(createdAt),
    started_at: nanoseconds(facts.startedAt),
    image: {
      image: imageName(plan.userSpecifiedImage, facts.image?.reference ?? plan.image),
      user_specified_image: plan.userSpecifiedImage,
    },
    image_ref: facts.image?.digest ?? plan.image,
    image_id: facts.image?.id ?? "",
    labels: plan.labels,
    annotations: plan.annotations,
    log_path: plan.logPath,
  };
}

/** The names are those of containerd's own file. */
function statusFile({ createdAt, facts }: ContainerRecord): object {
  return {
    Version: "v1",
    Pid: facts.process?.pid ?? 0,
    CreatedAt: nanoseconds(createdAt),
    StartedAt: nanoseconds(facts.startedAt),
    FinishedAt: 0,
    ExitCode: 0,
    Reason: "",
    Message: "",
  };
}

function imageName(asked: string, reference: string): string {
  return reference.startsWith("sha256:") && asked !== "" ? asked : reference;
}

/** Since 1970. A number of JSON has room for them, if not for the last hundred. */
function nanoseconds(time: string | undefined): number {
  return time === undefined ? 0 : Date.parse(time) * 1_000_000;
}
