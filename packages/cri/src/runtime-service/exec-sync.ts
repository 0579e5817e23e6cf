import { notOffered } from "../lookup/not-offered.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Unimplemented. */
export const execSync: RuntimeRpc<"execSync"> = () => {
  throw notOffered("ExecSync");
};
