import { notOffered } from "../lookup/not-offered.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Unimplemented. */
export const exec: RuntimeRpc<"exec"> = () => {
  throw notOffered("Exec");
};
