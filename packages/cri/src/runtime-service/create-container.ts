import { Code, StatusError } from "@crib/errdefs";

import { getSandbox } from "../lookup/get-sandbox.ts";
import { checkContainerRequest } from "../validation/container/container-request.ts";
import type { RuntimeRpc } from "./rpc.ts";

/**
 * Creates a container in a ready pod, or joins the creation of the same request. The client's leaving ends its wait, not the work.
 * NotFound for an unknown sandbox, FailedPrecondition for one that is not ready.
 */
export const createContainer: RuntimeRpc<"createContainer"> = async (deps, request, { signal }) => {
  const sandbox = getSandbox(deps.sandboxes, request.podSandboxId);
  if (sandbox.state !== "ready") throw new StatusError(Code.FailedPrecondition, `sandbox "${sandbox.id}": not ready`);
  const handler = deps.handlers.all.find((offered) => offered.handler.name === sandbox.plan.handler.name);
  const recursiveReadOnlyMounts = handler?.recursiveReadOnlyMounts ?? false;
  const checked = checkContainerRequest(request, { sandbox, recursiveReadOnlyMounts });
  return { containerId: await deps.containers.create(checked, signal) };
};
