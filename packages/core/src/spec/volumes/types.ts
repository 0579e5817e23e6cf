import type { Images } from "../../images/types.ts";
import type { LayerUnpacker, TreeCopier } from "../../layers/types.ts";
import type { Snapshots } from "../../snapshots/types.ts";

/** What volumes are made with. */
export interface VolumeStoreDeps {
  readonly images: Pick<Images, "find" | "list" | "prepareSnapshot"> & {
    /** Has what nothing needs any more be removed in the background. */
    collectSoon(): void;
  };
  readonly snapshots: Pick<Snapshots, "find" | "materialize" | "mount" | "remove">;
  readonly trees: TreeCopier & Pick<LayerUnpacker, "removeTree">;
  /** The volumes that images declare are left alone. */
  readonly ignoreImageDefinedVolumes: boolean;
}
