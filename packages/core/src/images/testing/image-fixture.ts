import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { parseReference } from "@crib/oci-spec";

import { openContentStore } from "../../content/index.ts";
import type { ContentStore } from "../../content/types.ts";
import { parseFaults } from "../../flow/faults.ts";
import { createRetries } from "../../flow/retries.ts";
import { type Database, openDatabase } from "../../metadata/database.ts";
import { createImages } from "../create-images.ts";
import type { ImageService } from "../image-service.ts";
import type { ImagesOptions } from "../images-options.ts";
import type { Image, PullRequest } from "../types.ts";
import { FakeRegistry } from "./fake-registry.ts";
import { FakeSnapshots } from "./fake-snapshots.ts";
import { FakeUnpacker } from "./fake-unpacker.ts";

/** What may differ from one opening of the images to the next. */
export type FixtureOptions = Partial<Omit<ImagesOptions, "faults">> & { readonly faults?: string };

/** Images on a real database and content store, with fakes around them. They can be closed and opened as a restart does. */
export class ImageFixture {
  readonly rootDir: string;
  readonly registry: FakeRegistry = new FakeRegistry();
  readonly unpacker: FakeUnpacker = new FakeUnpacker();
  readonly snapshots: FakeSnapshots;
  readonly warnings: string[] = [];
  database!: Database;
  content!: ContentStore;
  images!: ImageService;

  private constructor(rootDir: string) {
    this.rootDir = rootDir;
    this.snapshots = new FakeSnapshots(join(rootDir, "snapshots"));
  }

  static async open(t: TestContext, options: FixtureOptions = {}): Promise<ImageFixture> {
    const fixture = new ImageFixture(await mkdtemp(join(tmpdir(), "crib-images-")));
    t.after(async () => {
      try {
        await fixture.close();
      } finally {
        await rm(fixture.rootDir, { recursive: true, force: true });
      }
    });
    await fixture.start(options);
    await fixture.images.recover();
    // It has asked for a collection, which on a slow machine would take what a test makes by hand.
    await delay(2);
    await fixture.images.collectGarbage(t.signal);
    return fixture;
  }

  /** Opens everything without recovering. */
  async start({ faults, ...options }: FixtureOptions = {}): Promise<void> {
    this.snapshots.restart();
    this.database = await openDatabase(join(this.rootDir, "metadata.db"));
    const { unpacker, rootDir } = this;
    this.content = await openContentStore({
      rootDir,
      hashFile: (path, algorithm) => unpacker.hashFile(path, algorithm),
    });
    this.images = await createImages({
      rootDir,
      database: this.database,
      content: this.content,
      snapshots: this.snapshots,
      unpacker,
      registry: this.registry,
      handlers: new Set(["runc"]),
      platform: { os: "linux", architecture: "amd64", variant: "" },
      bootId: "boot",
      faults: parseFaults(faults),
      budgets: { do: {}, undo: {} },
      retries: createRetries(10, 100),
      log: { info: () => {}, warn: (fields, message) => this.warnings.push(`${message}: ${JSON.stringify(fields)}`) },
      ...options,
    });
  }

  async close(): Promise<void> {
    await this.images.close();
    await this.database[Symbol.asyncDispose]();
  }

  /** Ends this daemon in order and begins the next. */
  async restart(options: FixtureOptions = {}): Promise<void> {
    await this.close();
    await this.start(options);
    await this.images.recover();
  }

  pull(
    reference: string,
    request: Partial<PullRequest> = {},
    signal: AbortSignal = new AbortController().signal,
  ): Promise<Image> {
    return this.images.pull({ runtimeHandler: "", ...request, reference: parseReference(reference) }, signal);
  }

  /** Rows of a table, with no store in between. */
  rows(table: "images" | "image_names" | "pulls" | "quarantine"): readonly Record<string, unknown>[] {
    return this.database.sqlite.prepare(`SELECT * FROM ${table}`).all();
  }

  /** What there is of blobs, partial files, layers and directories. */
  async counts(): Promise<{ blobs: number; partials: number; layers: number; directories: number; pulls: number }> {
    return {
      blobs: (await this.content.list()).length,
      partials: (await this.content.listPartials()).length,
      layers: this.snapshots.list().length,
      directories: (await this.snapshots.directories()).length,
      pulls: this.rows("pulls").length,
    };
  }
}
