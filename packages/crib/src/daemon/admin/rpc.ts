import type { ImageAdmin, Images } from "@crib/core/images";
import type { CriDeps, ServiceHandlers } from "@crib/cri";
import type { Images as ImagesService } from "@crib/wire/admin";

/** What the admin service stands on. */
export interface AdminDeps {
  readonly images: Images & ImageAdmin;
  readonly handlers: CriDeps["handlers"];
}

/** The handlers of all methods of `crib.admin.v1.Images`. */
export type ImagesHandlers = ServiceHandlers<AdminDeps, typeof ImagesService>;

/** The handler of one method. */
export type ImagesRpc<K extends keyof ImagesHandlers> = ImagesHandlers[K];
