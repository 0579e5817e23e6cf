import { readFileSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";

import { copyText, parseCopy } from "../metadata/record-copies.ts";
import type { SnapshotDirectories } from "./snapshot-directories.ts";
import { openSnapshot, sealSnapshot } from "./snapshot-record.ts";
import type { Snapshot } from "./types.ts";

const fileName = "snapshot.json";

/**
 * The copy of each row beside the snapshot's files: what rows are rebuilt from. Written in the background of the commit of a layer,
 * since a file system that is busy with other layers may take long, and a missing copy only matters when the database is lost as well.
 */
export class SnapshotCopies {
  readonly #directories: SnapshotDirectories;
  /** What is being done to the copy in a directory, one after the other. */
  readonly #work = new Map<string, Promise<void>>();

  constructor(directories: SnapshotDirectories) {
    this.#directories = directories;
  }

  /** Writes it atomically, into a directory that must be there. */
  async write(snapshot: Snapshot): Promise<void> {
    const target = this.#pathOf(snapshot.dir);
    const sealed = sealSnapshot(snapshot);
    await this.#inTurn(snapshot.dir, `writing the copy of snapshot "${snapshot.key}"`, async () => {
      await writeFile(`${target}.new`, copyText(sealed), { mode: 0o600 });
      await rename(`${target}.new`, target);
    });
  }

  /** Absence is success. */
  async drop(dir: string): Promise<void> {
    const target = this.#pathOf(dir);
    await this.#inTurn(dir, `removing the copy of a snapshot "${target}"`, () => rm(target, { force: true }));
  }

  /** Settles when nothing is being done to it; never rejects. */
  async settled(dir: string): Promise<void> {
    await this.#work.get(dir)?.catch(() => {});
  }

  /** Undefined when there is none. DataLoss when it is damaged. Synchronous: only for the start. */
  readSync(dir: string): Snapshot | undefined {
    const path = this.#pathOf(dir);
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw StatusError.from(reason, `reading the copy of a snapshot "${path}"`);
    }
    return openSnapshot(parseCopy(path, text));
  }

  #pathOf(dir: string): string {
    return join(this.#directories.pathOf(dir), fileName);
  }

  async #inTurn(dir: string, doing: string, work: () => Promise<void>): Promise<void> {
    const before = this.settled(dir);
    const turn = before.then(work);
    this.#work.set(dir, turn);
    try {
      await turn;
    } catch (reason) {
      throw StatusError.from(reason, doing);
    } finally {
      if (this.#work.get(dir) === turn) this.#work.delete(dir);
    }
  }
}
