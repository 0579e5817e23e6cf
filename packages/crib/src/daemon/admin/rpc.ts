import type { ImageAdmin, Images } from "@crib/core/images";
import type { CriDeps, ServiceHandlers } from "@crib/cri";
import type { Daemon as DaemonService, Images as ImagesService } from "@crib/wire/admin";

import type { ReloadReport } from "../reload/types.ts";

/** What the admin service stands on. */
export interface AdminDeps {
  readonly images: Images & ImageAdmin;
  readonly handlers: CriDeps["handlers"];
  readonly reloader: { reload(): Promise<ReloadReport> };
}

/** The handlers of all methods of `crib.admin.v1.Daemon`. */
export type DaemonHandlers = ServiceHandlers<AdminDeps, typeof DaemonService>;

/** The handlers of all methods of `crib.admin.v1.Images`. */
export type ImagesHandlers = ServiceHandlers<AdminDeps, typeof ImagesService>;

/** The handler of one method. */
export type ImagesRpc<K extends keyof ImagesHandlers> = ImagesHandlers[K];
