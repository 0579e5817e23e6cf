import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { umountAll } from "@crib/linux";
import { type Digest, digestOf } from "@crib/oci-spec";

import { type Database, openDatabase } from "../../metadata/index.ts";
import { createSnapshots, type SnapshotsOptions } from "../create-snapshots.ts";
import type { Snapshots } from "../types.ts";

/** Snapshots in a directory of their own, on the file system of the root, since overlayfs does not stack on itself. */
export class SnapshotScene {
  readonly dir = mkdtempSync("/var/tmp/crib-snapshots-");
  readonly warnings: string[] = [];
  readonly #mounts: string[] = [];
  #database: Database | undefined;

  constructor(t: TestContext) {
    t.after(async () => {
      for (const target of this.#mounts.toReversed()) await umountAll(target);
      await this.close();
      rmSync(this.dir, { recursive: true, force: true });
    });
  }

  get database(): Database {
    if (!this.#database) throw new Error("not open");
    return this.#database;
  }

  async close(): Promise<void> {
    await this.#database?.[Symbol.asyncDispose]();
    this.#database = undefined;
  }

  /** Opens, or opens again, as after a restart. */
  async open(options: Partial<Pick<SnapshotsOptions, "unpacker" | "usernsOf">> = {}): Promise<Snapshots> {
    await this.close();
    this.#database = await openDatabase(join(this.dir, "metadata.db"));
    return createSnapshots({
      database: this.#database,
      rootDir: this.dir,
      unpacker: {
        removeTree: async (path) => rmSync(path, { recursive: true, force: true }),
        usage: async () => ({ bytes: 4_096, inodes: 1 }),
      },
      log: { warn: (_fields, message) => this.warnings.push(message) },
      ...options,
    });
  }

  /** A layer that `fill` has filled; its key is made from its name. */
  async layer(
    snapshots: Snapshots,
    name: string,
    parent: Digest | undefined,
    fill: (target: string) => void = () => {},
  ): Promise<Digest> {
    const directory = await snapshots.createLayerDirectory();
    fill(directory.target);
    const key = digestOf(name);
    snapshots.commitLayer(directory, key, parent, { bytes: 1, inodes: 1 });
    // Its copy is written in the background.
    await snapshots.materialize(key, new AbortController().signal);
    return key;
  }

  /** A chain of layers that each have a file of their own, `only-<index>`, and one that all have, `all`; gives the nearest one. */
  async chain(snapshots: Snapshots, count: number): Promise<Digest> {
    let top: Digest | undefined;
    for (let index = 0; index < count; index++) {
      top = await this.layer(snapshots, `layer ${index}`, top, (target) => {
        writeFileSync(join(target, `only-${index}`), String(index));
        writeFileSync(join(target, "all"), String(index));
      });
    }
    if (top === undefined) throw new Error("no layer");
    return top;
  }

  /** A new directory to mount at, with which the mount goes. */
  target(): string {
    const target = join(this.dir, `mount-${this.#mounts.length}`);
    mkdirSync(target);
    this.unmountLater(target);
    return target;
  }

  /** Has a mount go with the test. */
  unmountLater(target: string): void {
    this.#mounts.push(target);
  }

  /** Mounts it at a new directory. */
  async mount(snapshots: Snapshots, key: string): Promise<string> {
    const target = this.target();
    await snapshots.mount(key, target, new AbortController().signal);
    return target;
  }
}
