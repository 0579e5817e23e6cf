import { Code, StatusError } from "@crib/errdefs";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { findPod } from "../find-pod.ts";
import { terminalStyle } from "./terminal-style.ts";
import { readTimings } from "./timings.ts";
import { drawWaterfall } from "./waterfall.ts";

/** The flags of `crib trace`. */
export interface TraceOptions extends EndpointOptions {
  readonly flow?: string;
  readonly json?: true;
}

/** Prints the runs of flows over a pod, oldest first. */
export async function traceCommand(pod: string, options: TraceOptions): Promise<void> {
  const { status, info } = await withClient(options, (client) => findPod(client, pod));
  const all = readTimings(info, pod);
  const runs = options.flow === undefined ? all : all.filter(({ flow }) => flow === options.flow);
  if (runs.length === 0 && all.length > 0) {
    const known = all.map(({ flow }) => flow).join(", ");
    throw new StatusError(Code.NotFound, `tracing pod "${pod}": no flow "${options.flow}" ran; there is ${known}`);
  }
  if (options.json) {
    console.log(JSON.stringify(runs, null, 2));
    return;
  }
  const style = terminalStyle();
  const { namespace = "", name = "" } = status?.metadata ?? {};
  console.log(`pod ${namespace}/${name}  ${status?.id}`);
  for (const run of runs) console.log(`\n${drawWaterfall(run, style).join("\n")}`);
}
