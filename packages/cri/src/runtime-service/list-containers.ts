import type { RuntimeRpc } from "./rpc.ts";

/** Empty: there are no containers yet. */
export const listContainers: RuntimeRpc<"listContainers"> = () => ({ containers: [] });
