import { getContainer } from "../lookup/get-container.ts";
import { checkStreams } from "../validation/streams.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The URL at which a client joins the container's first process. NotFound; FailedPrecondition when the container has ended. */
export const attach: RuntimeRpc<"attach"> = ({ containers, execs, streaming }, request) => {
  const { id } = getContainer(containers, request.containerId);
  const streams = checkStreams(request);
  execs.checkJoinable(id);
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
