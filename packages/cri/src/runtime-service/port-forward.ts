import { checkReady } from "../lookup/check-ready.ts";
import { getSandbox } from "../lookup/get-sandbox.ts";
import { checkForwardedPorts } from "../validation/forwarded-ports.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The URL at which a client reaches ports of the pod. NotFound; FailedPrecondition when the pod is not ready. */
export const portForward: RuntimeRpc<"portForward"> = ({ sandboxes, execs, streaming }, { podSandboxId, port }) => {
  const sandbox = getSandbox(sandboxes, podSandboxId);
  const { id } = sandbox;
  const ports = checkForwardedPorts(port);
  checkReady(sandbox);
  return {
    url: streaming.portForward({
      ports,
      connect: (wanted, stream, signal) => execs.portForward(id, wanted, stream, signal),
    }),
  };
};
