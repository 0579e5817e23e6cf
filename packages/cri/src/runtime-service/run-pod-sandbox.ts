import { checkPodSandboxRequest } from "../validation/pod/pod-sandbox-request.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Runs a pod sandbox, or joins the run of the same request. The client's leaving ends its wait, not the work. */
export const runPodSandbox: RuntimeRpc<"runPodSandbox"> = async (deps, request, { signal }) => ({
  podSandboxId: await deps.sandboxes.run(checkPodSandboxRequest(request, deps), signal),
});
