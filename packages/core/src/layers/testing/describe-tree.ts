import { execFileSync } from "node:child_process";

import { TarReader } from "../tar/index.ts";

/** A file of a tree as one line of text: all that a layer can say of it, but no bytes of names are lost. */
export type TreeLine = string;

/**
 * What a directory holds, sorted, one line for each file: path, type, mode, owner, time in nanoseconds, size, link, device, content and
 * extended attributes. GNU tar reads it, so that nothing of crib is believed but its reader of archives. Needs root.
 */
export function describeTree(directory: string): readonly TreeLine[] {
  const archive = execFileSync(
    "tar",
    ["-c", "--format=pax", "--xattrs", "--xattrs-include=*", "--numeric-owner", "--sort=name", "-C", directory, "."],
    { maxBuffer: 1 << 30 },
  );
  const lines: string[] = [];
  let content = 0;
  const reader = new TarReader(
    {
      entry(entry) {
        const { type, mode, uid, gid, mtime, size, deviceMajor, deviceMinor } = entry;
        const device = type === "character" || type === "block" ? ` dev=${deviceMajor}:${deviceMinor}` : "";
        const link = entry.linkPath.length > 0 ? ` -> ${JSON.stringify(entry.linkPath.toString("latin1"))}` : "";
        const xattrs = entry.xattrs
          .map(({ name, value }) => ` ${name.toString("latin1")}=${value.toString("hex")}`)
          .toSorted()
          .join("");
        const time = `${mtime.seconds}.${String(mtime.nanoseconds).padStart(9, "0")}`;
        const path = JSON.stringify(entry.path.toString("latin1"));
        lines.push(`${path} ${type} ${mode.toString(8)} ${uid}:${gid} ${time} ${size}${link}${device}${xattrs}`);
        content = 0;
      },
      data(chunk, start, end) {
        for (let at = start; at < end; at += 1) content = (content * 31 + (chunk[at] as number)) | 0;
      },
      endOfFile() {
        lines.push(`${lines.pop() ?? ""} #${content}`);
      },
    },
    { headers: 1_000_000, headerBytes: 1 << 20 },
  );
  reader.push(archive);
  reader.finish();
  return lines;
}
