import { type CriServerOptions, registerService } from "@crib/cri";
import { Daemon, Images } from "@crib/wire/admin";

import { collect } from "./collect.ts";
import { exportImages } from "./export-images.ts";
import { importImages } from "./import-images.ts";
import { list } from "./list.ts";
import { pull } from "./pull.ts";
import { reload } from "./reload.ts";
import { remove } from "./remove.ts";
import type { AdminDeps, DaemonHandlers, ImagesHandlers } from "./rpc.ts";
import { verify } from "./verify.ts";

const images: ImagesHandlers = {
  pull,
  list,
  remove,
  import: importImages,
  export: exportImages,
  verify,
  collect,
};

const daemon: DaemonHandlers = { reload };

/** Gives what adds crib's own services to the server of the CRI; for `CriServerOptions.addServices`. */
export function addAdminServices(deps: AdminDeps): NonNullable<CriServerOptions["addServices"]> {
  return (server, serving) => {
    registerService(server, Images, images, deps, serving);
    registerService(server, Daemon, daemon, deps, serving);
  };
}
