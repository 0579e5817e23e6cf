import type { RuntimeService } from "@crib/wire/cri";

import type { PodEvents } from "../events/pod-events.ts";
import type { ServiceHandlers } from "../grpc/handlers.ts";
import type { CriDeps } from "../types.ts";

/** What the RuntimeService stands on: the daemon's parts, and what is kept as long as the server. */
export interface RuntimeDeps extends CriDeps {
  readonly events: PodEvents;
}

/** The handlers of all methods of the RuntimeService. */
export type RuntimeHandlers = ServiceHandlers<RuntimeDeps, typeof RuntimeService>;

/** The handler of one method. */
export type RuntimeRpc<K extends keyof RuntimeHandlers> = RuntimeHandlers[K];
