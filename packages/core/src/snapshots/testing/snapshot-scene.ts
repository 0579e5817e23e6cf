import { mkdtempSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { umountAll } from "@crib/linux";
import { type Digest, digestOf } from "@crib/oci-spec";

import { type Database, openDatabase } from "../../metadata/index.ts";
import { createSnapshots } from "../create-snapshots.ts";
import type { Snapshots } from "../types.ts";

/** Snapshots in a directory of their own, on the file system of the root, since overlayfs does not stack on itself. */
export class SnapshotScene {
  readonly dir = mkdtempSync("/var/tmp/crib-snapshots-");
  readonly warnings: string[] = [];
  readonly #mounts: string[] = [];
  #database: Database | undefined;

  constructor(t: TestContext) {
    t.after(async () => {
      for (const target of this.#mounts) await umountAll(target);
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

  /** Opens, or opens again. */
  async open(): Promise<Snapshots> {
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
    return key;
  }

  /** Mounts it at a new directory. */
  async mount(snapshots: Snapshots, key: string): Promise<string> {
    const target = join(this.dir, `mount-${this.#mounts.length}`);
    await mkdir(target);
    this.#mounts.push(target);
    await snapshots.mount(key, target, new AbortController().signal);
    return target;
  }
}
