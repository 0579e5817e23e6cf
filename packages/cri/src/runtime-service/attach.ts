import { notOffered } from "../lookup/not-offered.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Unimplemented. */
export const attach: RuntimeRpc<"attach"> = () => {
  throw notOffered("Attach");
};
