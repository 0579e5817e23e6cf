import { getContainer } from "../lookup/get-container.ts";
import { checkCommand } from "../validation/container/command.ts";
import { checkStreams } from "../validation/streams.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The URL at which a client joins a command that is started when it comes. NotFound; FailedPrecondition when the container does not run. */
export const exec: RuntimeRpc<"exec"> = ({ containers, execs, streaming }, request) => {
  const { id } = getContainer(containers, request.containerId);
  const streams = checkStreams(request);
  const args = checkCommand("cmd", request.cmd);
  execs.checkRunning(id);
  return {
    url: streaming.exec({
      ...streams,
      run: (clients, signal) => execs.exec(id, { args, tty: streams.tty }, clients, signal),
    }),
  };
};
