import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { RuntimeSpec } from "@crib/oci-spec";
import {
  type Container,
  ContainerSchema,
  ContainerState,
  type HookSchema,
  type HooksSchema,
  SecurityProfile_ProfileType as ProfileType,
} from "@crib/wire/nri";

import type { ContainerRecord, ContainerSecurity } from "../../containers/types.ts";
import { nanoseconds } from "./nanoseconds.ts";
import { unsigned } from "./resources.ts";
import { toNriLinux } from "./to-linux.ts";

/** Where a container stands, in the words of NRI. */
export function nriState({ state, facts }: Pick<ContainerRecord, "state" | "facts">): ContainerState {
  const { CONTAINER_RUNNING, CONTAINER_STOPPED } = ContainerState;
  const states: Readonly<Record<ContainerRecord["state"], ContainerState>> = {
    creating: ContainerState.CONTAINER_UNKNOWN,
    created: ContainerState.CONTAINER_CREATED,
    starting: ContainerState.CONTAINER_CREATED,
    running: CONTAINER_RUNNING,
    ending: facts.exit === undefined ? CONTAINER_RUNNING : CONTAINER_STOPPED,
    exited: CONTAINER_STOPPED,
    removing: CONTAINER_STOPPED,
  };
  return states[state];
}

/**
 * A container as plugins are told of it: who it is and how it fares by its record, what it is made of by its specification. Where
 * that is gone with the bundle its part is empty.
 */
export function toNriContainer(
  record: ContainerRecord,
  spec: RuntimeSpec | undefined,
  state: ContainerState = nriState(record),
): Container {
  const { id, plan, facts } = record;
  const isThere = state === ContainerState.CONTAINER_CREATED || state === ContainerState.CONTAINER_RUNNING;
  const user = facts.user ?? spec?.process?.user;
  const { image, exit } = facts;
  return create(ContainerSchema, {
    ...fromSpec(spec),
    id,
    podSandboxId: plan.sandboxId,
    name: plan.name,
    state,
    labels: { ...plan.labels },
    annotations: { ...spec?.annotations, ...plan.annotations },
    pid: isThere ? (facts.process?.pid ?? 0) : 0,
    createdAt: nanoseconds(record.createdAt),
    startedAt: nanoseconds(facts.startedAt),
    finishedAt: nanoseconds(exit?.exitedAt),
    exitCode: exit?.exitCode ?? 0,
    statusReason: exit?.reason ?? "",
    statusMessage: exit?.message ?? "",
    CDIDevices: plan.cdiDevices.map((name) => ({ name })),
    ...(user && { user: { uid: user.uid, gid: user.gid, additionalGids: [...(user.additionalGids ?? [])] } }),
    image: {
      name: plan.userSpecifiedImage === "" ? plan.image : plan.userSpecifiedImage,
      digest: image?.digest ?? "",
      configDigest: image?.id ?? "",
    },
    linux: toNriLinux(spec, seccompProfile(plan.security), plan.cgroupPath),
  });
}

type Init = Exclude<MessageInitShape<typeof ContainerSchema>, Container>;

function fromSpec(spec: RuntimeSpec | undefined): Init {
  const { process, mounts = [], hooks } = spec ?? {};
  return {
    args: [...(process?.args ?? [])],
    env: [...(process?.env ?? [])],
    mounts: mounts.map(({ destination, type = "", source = "", options = [] }) => ({
      destination,
      type,
      source,
      options: [...options],
    })),
    ...(hooks && { hooks: toNriHooks(hooks) }),
    rlimits: (process?.rlimits ?? []).map(({ type, hard, soft }) => ({
      type,
      hard: unsigned(hard),
      soft: unsigned(soft),
    })),
  };
}

type SpecHooks = NonNullable<RuntimeSpec["hooks"]>;

function toNriHooks(hooks: SpecHooks): MessageInitShape<typeof HooksSchema> {
  const list = (kind: keyof SpecHooks): MessageInitShape<typeof HookSchema>[] =>
    (hooks[kind] ?? []).map(({ path, args = [], env = [], timeout }) => ({
      path,
      args: [...args],
      env: [...env],
      ...(timeout !== undefined && { timeout: { value: BigInt(Math.trunc(timeout)) } }),
    }));
  return {
    prestart: list("prestart"),
    createRuntime: list("createRuntime"),
    createContainer: list("createContainer"),
    startContainer: list("startContainer"),
    poststart: list("poststart"),
    poststop: list("poststop"),
  };
}

/** The profile as it was chosen, which the specification does not tell any more. */
function seccompProfile({ seccomp, privileged }: ContainerSecurity): {
  profileType: ProfileType;
  localhostRef: string;
} {
  if (seccomp?.kind === "localhost") return { profileType: ProfileType.LOCALHOST, localhostRef: seccomp.name };
  const isDefault = seccomp?.kind === "runtime-default" && !privileged;
  return { profileType: isDefault ? ProfileType.RUNTIME_DEFAULT : ProfileType.UNCONFINED, localhostRef: "" };
}
