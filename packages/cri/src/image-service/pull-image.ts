import { notOffered } from "../lookup/not-offered.ts";
import type { ImageRpc } from "./rpc.ts";

/** Unimplemented. The request is not looked at, and never logged: it may hold credentials. */
export const pullImage: ImageRpc<"pullImage"> = () => {
  throw notOffered("PullImage");
};
