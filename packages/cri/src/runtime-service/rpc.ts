import type { RuntimeService } from "@crib/wire/cri";

import type { ServiceHandlers } from "../grpc/handlers.ts";
import type { CriDeps } from "../types.ts";

/** The handlers of all methods of the RuntimeService. */
export type RuntimeHandlers = ServiceHandlers<CriDeps, typeof RuntimeService>;

/** The handler of one method. */
export type RuntimeRpc<K extends keyof RuntimeHandlers> = RuntimeHandlers[K];
