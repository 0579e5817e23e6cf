import { notOffered } from "../lookup/not-offered.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Unimplemented. */
export const createContainer: RuntimeRpc<"createContainer"> = () => {
  throw notOffered("CreateContainer");
};
