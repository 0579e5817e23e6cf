import { join } from "node:path";

import type { Node } from "../node.ts";

/** Where a node has a blob. */
export function blobPath({ root }: Pick<Node, "root">, digest: string): string {
  return join(root, "content/blobs", digest.replace(":", "/"));
}
