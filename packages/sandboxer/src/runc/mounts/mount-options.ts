import { Code, StatusError } from "@crib/errdefs";
import { type IdMapping, MountFlag } from "@crib/linux";

/** The options of a mount, taken apart. */
export interface MountOptions {
  /** `MountFlag`s. */
  readonly flags: number;
  /** What is the file system's own, as `name` or `name=value`. */
  readonly data: readonly string[];
  /** As whose ids owners are shown. */
  readonly idMappings: { readonly uids: readonly IdMapping[]; readonly gids: readonly IdMapping[] } | undefined;
}

/** Flags that an option sets or, with `false`, clears. */
const flagOptions: Readonly<Record<string, readonly [flag: number, isSet: boolean]>> = {
  bind: [MountFlag.BIND, true],
  rbind: [MountFlag.BIND | MountFlag.REC, true],
  ro: [MountFlag.RDONLY, true],
  rw: [MountFlag.RDONLY, false],
  nosuid: [MountFlag.NOSUID, true],
  suid: [MountFlag.NOSUID, false],
  nodev: [MountFlag.NODEV, true],
  dev: [MountFlag.NODEV, false],
  noexec: [MountFlag.NOEXEC, true],
  exec: [MountFlag.NOEXEC, false],
  noatime: [MountFlag.NOATIME, true],
  atime: [MountFlag.NOATIME, false],
  relatime: [MountFlag.RELATIME, true],
  norelatime: [MountFlag.RELATIME, false],
  defaults: [0, true],
};

/** Takes the options of mount(8) apart, the last of contrary ones winning. InvalidArgument for id mappings that are none. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  let flags = 0;
  const data: string[] = [];
  const maps: Partial<Record<"uidmap" | "gidmap", readonly IdMapping[]>> = {};
  for (const option of options) {
    const known = Object.hasOwn(flagOptions, option) ? flagOptions[option] : undefined;
    const map = /^(uidmap|gidmap)=(.*)$/.exec(option);
    if (known !== undefined) flags = known[1] ? flags | known[0] : flags & ~known[0];
    else if (map !== null) maps[map[1] as "uidmap" | "gidmap"] = parseMappings(option, map[2] ?? "");
    else data.push(option);
  }
  const { uidmap: uids, gidmap: gids } = maps;
  return { flags, data, idMappings: uids === undefined || gids === undefined ? undefined : { uids, gids } };
}

/** `containerId:hostId:length`, comma separated. */
function parseMappings(option: string, text: string): readonly IdMapping[] {
  return text.split(",").map((range) => {
    const [, containerId, hostId, length] = /^(\d+):(\d+):(\d+)$/.exec(range) ?? [];
    if (containerId === undefined)
      throw new StatusError(Code.InvalidArgument, `mount option "${option}": no id mapping`);
    return { containerId: Number(containerId), hostId: Number(hostId), length: Number(length) };
  });
}

/** What an overlay's own options say: its layers, nearest first, and the rest. Undefined without `lowerdir`. */
export function parseOverlayData(data: readonly string[]):
  | {
      readonly lower: readonly string[];
      readonly upper: { readonly dir: string; readonly work: string } | undefined;
      readonly options: Readonly<Record<string, string | true>>;
    }
  | undefined {
  const values = new Map<string, string | true>();
  for (const option of data) {
    const at = option.indexOf("=");
    if (at < 0) values.set(option, true);
    else values.set(option.slice(0, at), option.slice(at + 1));
  }
  const take = (name: string): string | undefined => {
    const value = values.get(name);
    values.delete(name);
    return typeof value === "string" ? value : undefined;
  };
  const [lower, dir, work] = [take("lowerdir"), take("upperdir"), take("workdir")];
  if (lower === undefined) return undefined;
  return {
    lower: (lower.match(/(?:[^:\\]|\\.)+/gs) ?? []).map(unescape),
    upper: dir === undefined || work === undefined ? undefined : { dir: unescape(dir), work: unescape(work) },
    options: Object.fromEntries(values),
  };
}

function unescape(path: string): string {
  return path.replaceAll(/\\(.)/gs, "$1");
}
