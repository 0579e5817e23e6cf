import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";

import { copyText, parseCopy } from "../metadata/record-copies.ts";
import { openSnapshot, sealSnapshot } from "./snapshot-record.ts";
import type { Snapshot } from "./types.ts";

const fileName = "snapshot.json";

/**
 * Writes the copy of a row beside the snapshot's files, atomically; the directory must be there. Synchronous, since it belongs to a
 * transaction; it is one block.
 */
export function writeSnapshotCopy(directory: string, snapshot: Snapshot): void {
  const target = join(directory, fileName);
  try {
    writeFileSync(`${target}.new`, copyText(sealSnapshot(snapshot)), { mode: 0o600 });
    renameSync(`${target}.new`, target);
  } catch (reason) {
    throw StatusError.from(reason, `writing the copy of snapshot "${snapshot.key}"`);
  }
}

/** Removes the copy. Absence is success. */
export function dropSnapshotCopy(directory: string): void {
  try {
    rmSync(join(directory, fileName), { force: true });
  } catch (reason) {
    throw StatusError.from(reason, `removing the copy of a snapshot in "${directory}"`);
  }
}

/** The copy in a directory; undefined when there is none. DataLoss when it is damaged. Synchronous: only for the start. */
export function readSnapshotCopy(directory: string): Snapshot | undefined {
  let text: string;
  try {
    text = readFileSync(join(directory, fileName), "utf8");
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw StatusError.from(reason, `reading the copy of a snapshot in "${directory}"`);
  }
  return openSnapshot(parseCopy(directory, text));
}
