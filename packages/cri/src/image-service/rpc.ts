import type { ImageService } from "@crib/wire/cri";

import type { ServiceHandlers } from "../grpc/handlers.ts";
import type { CriDeps } from "../types.ts";

/** The handlers of all methods of the ImageService. */
export type ImageHandlers = ServiceHandlers<CriDeps, typeof ImageService>;

/** The handler of one method. */
export type ImageRpc<K extends keyof ImageHandlers> = ImageHandlers[K];
