import { createHash, randomUUID } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { gzipSync } from "node:zlib";

import type { Digest } from "@crib/oci-spec";

import { createLayerUnpacker } from "../layer-unpacker.ts";
import type { LayerLimits, UnpackedLayer, UnpackJob } from "../types.ts";

/** Why a test that makes devices and owners cannot run; false when it can. */
export const needsRoot: { readonly skip: string | false } = { skip: process.getuid?.() === 0 ? false : "needs root" };

export const defaultLimits: LayerLimits = {
  unpackedBytes: 64 * 2 ** 30,
  entries: 5_000_000,
  headerBytes: 1 << 20,
  pathBytes: 4096,
};

export function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** A directory for blobs and layers, and an unpacker, both gone after the tests of the file. */
export class LayerBench {
  readonly directory: string;
  readonly unpacker = createLayerUnpacker({ idleMs: 1_000 });

  /** `parent` is where to make it; in memory, times say more of the unpacker than of the disk. */
  constructor(parent: string = tmpdir()) {
    this.directory = mkdtempSync(join(parent, "crib-layers-"));
    // Temporary directories are 0700; a layer's is what overlayfs shows as the root.
    after(async () => {
      await this.unpacker[Symbol.asyncDispose]();
      rmSync(this.directory, { recursive: true, force: true });
    });
  }

  /** A new directory of mode 0755. */
  makeDirectory(): string {
    const path = join(this.directory, randomUUID());
    mkdirSync(path);
    chmodSync(path, 0o755);
    return path;
  }

  /** A job for a blob; the archive is what its diff id is of. */
  makeJob(blob: Buffer, archive: Buffer, limits: Partial<LayerLimits> = {}): UnpackJob {
    const blobPath = join(this.directory, randomUUID());
    writeFileSync(blobPath, blob);
    const target = this.makeDirectory();
    const ids = { digest: sha256(blob), diffId: sha256(archive) };
    return { blobPath, size: blob.length, target, limits: { ...defaultLimits, ...limits }, ...ids };
  }

  async run(job: UnpackJob, signal: AbortSignal = new AbortController().signal): Promise<UnpackedLayer> {
    const run = this.unpacker.unpack(job, signal);
    run.available(job.size);
    return await run.done;
  }

  /** Unpacks an archive, compressed by gzip. */
  async unpack(
    archive: Buffer,
    limits: Partial<LayerLimits> = {},
  ): Promise<{ readonly target: string; readonly layer: UnpackedLayer }> {
    const job = this.makeJob(gzipSync(archive, { level: 1 }), archive, limits);
    return { target: job.target, layer: await this.run(job) };
  }
}
