import type { RuntimeRpc } from "./rpc.ts";

/** Ends without a message: there are no containers yet. */
export const streamContainers: RuntimeRpc<"streamContainers"> = async function* () {};
