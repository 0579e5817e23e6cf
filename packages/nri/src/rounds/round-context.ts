import { StatusError } from "@crib/errdefs";
import type { ContainerEviction } from "@crib/wire/nri";

import type { PluginList } from "../plugin/plugin-list.ts";
import type { NriLog, NriOptions } from "../types.ts";

/** What a round of calls over all plugins needs. */
export interface RoundContext {
  readonly options: NriOptions;
  readonly log: NriLog;
  readonly plugins: PluginList;
  readonly evict: (plugin: string, evictions: readonly ContainerEviction[]) => void;
  readonly countAdjustments: (field: string, count: number) => void;
}

/** Logs that a plugin is not content with something that cannot be refused. */
export function logRefusal(context: RoundContext, plugin: string, event: string, error: unknown): void {
  context.log("warn", "NRI plugin failed an event that it cannot refuse", {
    plugin,
    event,
    why: StatusError.from(error).message,
  });
}
