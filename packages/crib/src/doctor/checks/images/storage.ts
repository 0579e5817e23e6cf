import { fileSystemOf } from "../file-system-of.ts";
import { type Check, ok, warn } from "../types.ts";

/** Magic numbers (statfs(2)) of file systems that overlayfs cannot write to: no whiteouts, xattrs or file types in directories. */
const unfit: Readonly<Record<number, string>> = {
  0x794c_7630: "overlayfs",
  0x6969: "NFS",
  0xff53_4d42: "CIFS",
  0xfe53_4d42: "SMB",
  0x0102_1997: "9p",
  0x4d44: "vfat",
  0x2011_bab0: "exfat",
  0x858_458f6: "ramfs",
  0xf15f: "ecryptfs",
};

/** Whether the root directory can hold what containers write over their images. */
export const storage: Check = {
  name: "images",
  async run({ root }) {
    const { type } = await fileSystemOf(root);
    const name = unfit[type];
    if (name === undefined) return [ok(`root ${root} can hold images and what containers write`)];
    return [
      warn(
        `root ${root} is on ${name}, on which overlayfs cannot keep what containers write`,
        "move it by --root to ext4, xfs, btrfs or tmpfs",
      ),
    ];
  },
};
