import { notOffered } from "../lookup/not-offered.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Unimplemented. */
export const checkpointContainer: RuntimeRpc<"checkpointContainer"> = () => {
  throw notOffered("CheckpointContainer");
};
