import { getContainer } from "../lookup/get-container.ts";
import { checkCommand } from "../validation/container/command.ts";
import { toMilliseconds } from "../validation/values/milliseconds.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Runs a command to its end; any exit code is success. DeadlineExceeded when the timeout, if there is one, is over. */
export const execSync: RuntimeRpc<"execSync"> = async (
  { containers, execs },
  { containerId, cmd, timeout },
  { signal },
) => {
  const { id } = getContainer(containers, containerId);
  const request = { args: checkCommand("cmd", cmd), tty: false, timeoutMs: toMilliseconds(timeout) };
  return await execs.execSync(id, request, signal);
};
