import { stat } from "node:fs/promises";
import { join } from "node:path";

import type { LeakContext } from "../types.ts";

/** When the running daemon started, in milliseconds since 1970, as the lock that it wrote tells; undefined when none runs. */
export async function daemonStart({ config, daemon }: LeakContext): Promise<number | undefined> {
  if ((await daemon()) === undefined) return undefined;
  return (await stat(join(config.root, "lock"))).mtimeMs;
}
