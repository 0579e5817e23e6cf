import { chmodSync, mkdirSync, readdirSync } from "node:fs";
import { chmod, mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import type { LayerUnpacker } from "../layers/types.ts";
import type { LayerDirectory } from "./types.ts";

/** A name that `allocate` gives; whatever else lies there is not ours to remove. */
const numberPattern = /^[1-9][0-9]{0,14}$/;

/** Ends the name of a directory that is nobody's any more and is being removed. */
const goneSuffix = ".gone";
const numberedPattern = /^[1-9][0-9]{0,14}(?:\.gone)?$/;

/**
 * The numbered directories in `<root>/snapshots`. They and their parent are closed to everybody but root: a set-uid program
 * of an image must not be reachable by users of the host (CVE-2021-41103). What is mounted is seen at the target, for which nobody has
 * to pass here.
 */
export class SnapshotDirectories {
  readonly root: string;
  readonly #unpacker: Pick<LayerUnpacker, "removeTree">;
  /** Given out for layers, neither committed nor discarded. */
  readonly #open = new Set<string>();
  readonly #removals = new Map<string, Promise<void>>();
  #last: number;

  constructor(rootDir: string, unpacker: Pick<LayerUnpacker, "removeTree">) {
    this.root = join(rootDir, "snapshots");
    this.#unpacker = unpacker;
    try {
      mkdirSync(this.root, { recursive: true, mode: 0o700 });
      // An older one may have been made by somebody else.
      chmodSync(this.root, 0o700);
      // Also of those set aside: another of the same number could not be.
      this.#last = Math.max(0, ...this.#numbersSync());
    } catch (reason) {
      throw StatusError.from(reason, `reading "${this.root}"`);
    }
  }

  /** Names of the directories that exist. Synchronous: only for the start. */
  listSync(): readonly string[] {
    return readdirSync(this.root).filter((name) => numberPattern.test(name));
  }

  pathOf(dir: string): string {
    return join(this.root, dir);
  }

  /** The directory that overlayfs stacks. */
  filesOf(dir: string): string {
    return join(this.root, dir, "fs");
  }

  /** Makes sure that a number that a row has is not given out again. */
  reserve(dir: string): void {
    this.#last = Math.max(this.#last, Number(dir));
  }

  /** A number that neither a row nor a directory has, nor has had since the start. */
  allocate(): string {
    return String(++this.#last);
  }

  /** Makes a numbered directory. Idempotent. */
  async make(dir: string): Promise<string> {
    const path = this.pathOf(dir);
    await mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  }

  async createForLayer(): Promise<LayerDirectory> {
    const dir = this.allocate();
    this.#open.add(dir);
    const target = this.filesOf(dir);
    try {
      await this.make(dir);
      await mkdir(target);
      // The umask must not decide: this is the root directory of containers.
      await chmod(target, 0o755);
    } catch (reason) {
      this.#open.delete(dir);
      throw StatusError.from(reason, `making the directory "${target}" for a layer`);
    }
    return { dir, target };
  }

  isOpen(dir: string): boolean {
    return this.#open.has(dir);
  }

  /** Ends or, when a transaction is taken back, restores the protection of a layer's directory. */
  setOpen(dir: string, isOpen: boolean): void {
    if (isOpen) this.#open.add(dir);
    else this.#open.delete(dir);
  }

  /** Removes a directory that no row has. A removal that already runs is joined. Absence is success. */
  async remove(dir: string, signal: AbortSignal): Promise<void> {
    if (!numberedPattern.test(dir)) {
      throw new StatusError(Code.InvalidArgument, `removing snapshot directory "${dir}": no number`);
    }
    this.#open.delete(dir);
    const running = this.#removals.get(dir);
    if (running !== undefined) return await running;
    const removal = this.#unpacker.removeTree(this.pathOf(dir), signal);
    this.#removals.set(dir, removal);
    try {
      await removal;
    } finally {
      this.#removals.delete(dir);
    }
  }

  /**
   * Parts a directory that no row has, and the copy of the row in it, from the others, at once and whole; gives the name under which it is
   * to be removed. Undefined when it is not there.
   */
  async setAside(dir: string): Promise<string | undefined> {
    const gone = `${dir}${goneSuffix}`;
    try {
      await rename(this.pathOf(dir), this.pathOf(gone));
      return gone;
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw StatusError.from(reason, `setting snapshot directory "${dir}" aside`);
    }
  }

  /** Directories that no row has and nobody fills. */
  async unreferenced(hasRow: (dir: string) => boolean): Promise<readonly string[]> {
    const names = await readdir(this.root);
    return names.filter((name) => numberedPattern.test(name) && !this.#open.has(name) && !hasRow(name));
  }

  #numbersSync(): readonly number[] {
    const names = readdirSync(this.root).filter((name) => numberedPattern.test(name));
    return names.map((name) => Number.parseInt(name, 10));
  }
}
