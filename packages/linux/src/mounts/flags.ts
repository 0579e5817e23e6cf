/** MS_* of mount(2), to be joined with `|`. */
export const MountFlag = {
  RDONLY: 0x1,
  NOSUID: 0x2,
  NODEV: 0x4,
  NOEXEC: 0x8,
  REMOUNT: 0x20,
  NOATIME: 0x400,
  BIND: 0x1000,
  MOVE: 0x2000,
  REC: 0x4000,
  UNBINDABLE: 0x2_0000,
  PRIVATE: 0x4_0000,
  SLAVE: 0x8_0000,
  SHARED: 0x10_0000,
  RELATIME: 0x20_0000,
} as const;

/** Flags of umount2(2), to be joined with `|`. */
export const UmountFlag = {
  FORCE: 1,
  DETACH: 2,
  EXPIRE: 4,
  NOFOLLOW: 8,
} as const;
