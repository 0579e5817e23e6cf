import { fitOutputs } from "../conversion/fit-outputs.ts";
import { getContainer } from "../lookup/get-container.ts";
import { checkCommand } from "../validation/container/command.ts";
import { toMilliseconds } from "../validation/values/milliseconds.ts";
import type { RuntimeRpc } from "./rpc.ts";

/**
 * Runs a command to its end; any exit code is success. Output that does not fit in a message is cut off. DeadlineExceeded when the
 * timeout, if there is one, is over; NotFound; FailedPrecondition when the container does not run.
 */
export const execSync: RuntimeRpc<"execSync"> = async (
  { containers, execs },
  { containerId, cmd, timeout },
  { signal },
) => {
  const { id } = getContainer(containers, containerId);
  const request = { args: checkCommand("cmd", cmd), tty: false, timeoutMs: toMilliseconds(timeout) };
  const { stdout, stderr, exitCode } = await execs.execSync(id, request, signal);
  return { ...fitOutputs(stdout, stderr), exitCode };
};
