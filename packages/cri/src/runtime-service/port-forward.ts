import { notOffered } from "../lookup/not-offered.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Unimplemented. */
export const portForward: RuntimeRpc<"portForward"> = () => {
  throw notOffered("PortForward");
};
