import { digestOf } from "./digest.ts";
import type { Digest } from "./types.ts";

/**
 * The chain id of each layer: what it is together with all layers below it (OCI image specification, "Layer ChainID"). As
 * many as there are diff ids, in the same order.
 */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : digestOf(`${below} ${diffId}`));
  }
  return chain;
}
