import { notOffered } from "../lookup/not-offered.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Unimplemented. */
export const startContainer: RuntimeRpc<"startContainer"> = () => {
  throw notOffered("StartContainer");
};
