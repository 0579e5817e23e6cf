import { toPodSandbox } from "../conversion/pod/pod-sandbox.ts";
import { listSandboxes } from "../lookup/list-sandboxes.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The sandboxes for which all conditions of the filter hold; an id may be a prefix. */
export const listPodSandbox: RuntimeRpc<"listPodSandbox"> = ({ sandboxes }, { filter }) => ({
  items: listSandboxes(sandboxes, filter).map(toPodSandbox),
});
