import type { ContainerRequest, Containers } from "@crib/core/containers";

import { checkReady } from "../lookup/check-ready.ts";
import { getContainer } from "../lookup/get-container.ts";
import { getSandbox } from "../lookup/get-sandbox.ts";
import { checkContainerRequest } from "../validation/container/container-request.ts";
import type { RuntimeRpc } from "./rpc.ts";

/**
 * Creates a container in a ready pod, or joins the creation of the same request. The client's leaving ends its wait, not the work.
 * NotFound for an unknown sandbox, FailedPrecondition for one that is not ready.
 */
export const createContainer: RuntimeRpc<"createContainer"> = async (deps, request, { signal }) => {
  const { containers, sandboxes, handlers } = deps;
  const sandbox = getSandbox(sandboxes, request.podSandboxId);
  checkReady(sandbox);
  const offered = handlers.all.find(({ handler }) => handler.name === sandbox.plan.handler.name);
  const recursiveReadOnlyMounts = offered?.recursiveReadOnlyMounts ?? false;
  const checked = checkContainerRequest(request, { sandbox, recursiveReadOnlyMounts });
  return { containerId: await containers.create(withFullTarget(checked, containers), signal) };
};

/** The container whose processes are shared may be named by a prefix, as in all calls. NotFound when there is none. */
function withFullTarget(request: ContainerRequest, containers: Containers): ContainerRequest {
  const { pid } = request.security;
  if (typeof pid === "string") return request;
  const target = getContainer(containers, pid.target).id;
  return { ...request, security: { ...request.security, pid: { target } } };
}
