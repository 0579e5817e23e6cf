import { throws } from "node:assert/strict";

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ContainerRequest } from "@crib/core/containers";
import type { PodSandboxRequest } from "@crib/core/sandbox";
import { Code } from "@crib/errdefs";
import {
  type ContainerConfigSchema,
  CreateContainerRequestSchema,
  type LinuxContainerSecurityContextSchema,
  type PodSandboxConfigSchema,
} from "@crib/wire/cri";

import { checkContainerRequest } from "../validation/container/container-request.ts";
import { containerConfig } from "./container-record.ts";
import { sandboxRecord } from "./sandbox-record.ts";

export type Config = MessageInitShape<typeof ContainerConfigSchema>;

/** What a container is checked against besides its configuration. */
export interface Surroundings {
  readonly pod?: Partial<PodSandboxRequest>;
  readonly recursiveReadOnlyMounts?: boolean;
  readonly sandboxConfig?: MessageInitShape<typeof PodSandboxConfigSchema>;
}

/** Id of the pod that containers are made in. */
export const podId: string = "aa".repeat(32);

/** Checks a container in a pod named `web`, whose logs are in `/var/log/pods/web`. */
export function check(more: Config = {}, surroundings: Surroundings = {}): ContainerRequest {
  const { pod = {}, recursiveReadOnlyMounts = true, sandboxConfig } = surroundings;
  const request = create(CreateContainerRequestSchema, {
    podSandboxId: podId,
    config: containerConfig(more),
    ...(sandboxConfig && { sandboxConfig }),
  });
  const sandbox = sandboxRecord(podId, { logDirectory: "/var/log/pods/web", ...pod });
  return checkContainerRequest(request, { sandbox, recursiveReadOnlyMounts });
}

/** The whole message is compared: field, value and what was expected. */
export function refuses(more: Config, message: string, surroundings: Surroundings = {}): void {
  throws(() => check(more, surroundings), { code: Code.InvalidArgument, message: `invalid ${message}` }, message);
}

/** A configuration with a security context. */
export function secured(securityContext: MessageInitShape<typeof LinuxContainerSecurityContextSchema>): Config {
  return { linux: { securityContext } };
}
