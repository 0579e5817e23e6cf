import { mkdtempSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import type { Node } from "../node.ts";
import { runProgram } from "../run-program.ts";
import { imageCalls } from "./image-calls.ts";

/** Shows an image's tree to `look`, mounted read-only by mount(8) from the layers' directories, without crib. */
export async function withMountedImage<T>(node: Node, name: string, look: (dir: string) => Promise<T>): Promise<T> {
  const { layers } = await imageCalls(node).info(name);
  const dirs = layerDirs(node);
  const lower = layers.map(({ chainId }) => dirs.get(chainId) ?? `no-snapshot-${chainId}`).toReversed();
  const dir = mkdtempSync(join(node.lane.dir, "mounted-"));
  const [only = ""] = lower;
  const mount =
    lower.length === 1
      ? ["mount", "--bind", "-o", "ro", only, dir]
      : ["mount", "-t", "overlay", "-o", `ro,lowerdir=${lower.join(":")}`, "overlay", dir];
  // Relative paths leave room for many layers in the one page that mount(2) takes.
  await runProgram(["env", "-C", snapshotsDir(node), ...mount]);
  try {
    return await look(dir);
  } finally {
    await runProgram(["umount", dir]);
    rmdirSync(dir);
  }
}

function snapshotsDir(node: Node): string {
  return join(node.root, "snapshots");
}

/** The directory of each layer by its chain id, as the database has them, relative to that of all snapshots. */
export function layerDirs(node: Node): ReadonlyMap<string, string> {
  using database = new DatabaseSync(join(node.root, "metadata.db"), { readOnly: true });
  const rows = database.prepare("SELECT id, record FROM snapshots").all() as unknown as readonly {
    readonly id: string;
    readonly record: string;
  }[];
  const dirOf = (record: string): string => (JSON.parse(record) as { readonly dir: string }).dir;
  return new Map(rows.map(({ id, record }) => [id, join(dirOf(record), "fs")]));
}
