import { getContainer } from "../lookup/get-container.ts";
import { checkStreams } from "../validation/streams.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The URL at which a client joins the container's first process. NotFound; FailedPrecondition when the container does not run. */
export const attach: RuntimeRpc<"attach"> = ({ containers, execs, streaming }, request) => {
  const { id } = getContainer(containers, request.containerId);
  const streams = checkStreams(request);
  execs.checkRunning(id);
  return {
    url: streaming.attach({
      ...streams,
      run: async (clients, signal) => {
        await execs.attach(id, clients, signal);
        return 0;
      },
    }),
  };
};
