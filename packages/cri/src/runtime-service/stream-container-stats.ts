import type { RuntimeRpc } from "./rpc.ts";

/** Ends without a message: there are no containers yet. */
export const streamContainerStats: RuntimeRpc<"streamContainerStats"> = async function* () {};
