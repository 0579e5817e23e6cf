import { batches } from "../conversion/batches.ts";
import { podSandboxWeight, toPodSandbox } from "../conversion/pod/pod-sandbox.ts";
import { listSandboxes } from "../lookup/list-sandboxes.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The list of ListPodSandbox in messages that stay small however many pods there are. */
export const streamPodSandboxes: RuntimeRpc<"streamPodSandboxes"> = async function* ({ sandboxes }, { filter }) {
  for (const records of batches(listSandboxes(sandboxes, filter), podSandboxWeight)) {
    yield { podSandboxes: records.map(toPodSandbox) };
  }
};
