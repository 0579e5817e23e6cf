import { createHash } from "node:crypto";
import { open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";
import { type Digest, digestOf } from "@crib/oci-spec";

import type { LayerUnpacker, UnpackedLayer, UnpackJob, UnpackRun } from "../../layers/types.ts";

/** What a fake layer's bytes are said to be when they are inflated. */
export function fakeDiffId(blob: Buffer): Digest {
  return digestOf(Buffer.concat([Buffer.from("inflated "), blob]));
}

/** Follows a blob's file as the real one does, and writes it as it is into the directory; blobs that begin with "hostile" are refused. */
export class FakeUnpacker implements LayerUnpacker {
  readonly unpacked: Digest[] = [];
  readonly settled: { readonly target: string; readonly below: readonly string[] }[] = [];
  syncs = 0;

  warm(): void {}

  unpack(job: UnpackJob, signal: AbortSignal): UnpackRun {
    const state = { available: 0, read: 0 };
    const done = this.#follow(job, state, signal);
    done.catch(() => {}); // as with the real one, whoever waits sees it
    return {
      available: (bytes) => {
        state.available = Math.max(state.available, bytes);
      },
      get readBytes() {
        return state.read;
      },
      done,
    };
  }

  async settle(target: string, _layer: UnpackedLayer, below: readonly string[]): Promise<void> {
    this.settled.push({ target, below });
  }

  async removeTree(path: string): Promise<void> {
    await rm(path, { recursive: true, force: true });
  }

  async usage(): ReturnType<LayerUnpacker["usage"]> {
    return { bytes: 4_096, inodes: 2 };
  }

  async syncFileSystem(): Promise<void> {
    this.syncs++;
  }

  async hashFile(path: string, algorithm: "sha256" | "sha512"): ReturnType<LayerUnpacker["hashFile"]> {
    try {
      await using file = await open(path);
      const bytes = await file.readFile();
      return { digest: `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`, size: bytes.length };
    } catch (reason) {
      throw StatusError.from(reason, `hashing "${path}"`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #follow(
    job: UnpackJob,
    state: { available: number; read: number },
    signal: AbortSignal,
  ): Promise<UnpackedLayer> {
    const bytes = Buffer.alloc(job.size);
    try {
      await using file = await open(job.blobPath);
      while (state.read < job.size) {
        signal.throwIfAborted();
        if (state.available > state.read) {
          state.read += (await file.read(bytes, state.read, state.available - state.read, state.read)).bytesRead;
        } else await sleep(1);
      }
    } catch (reason) {
      throw StatusError.from(signal.aborted ? signal.reason : reason, `unpacking "${job.digest}"`);
    }
    if (digestOf(bytes) !== job.digest) throw new StatusError(Code.DataLoss, `blob "${job.digest}": it is damaged`);
    if (bytes.toString("utf8").startsWith("hostile")) throw new StatusError(Code.InvalidArgument, "no tar");
    if (fakeDiffId(bytes) !== job.diffId) throw new StatusError(Code.DataLoss, `layer: it is not "${job.diffId}"`);
    await writeFile(join(job.target, "content"), bytes);
    this.unpacked.push(job.digest);
    return {
      entries: 1,
      archiveBytes: bytes.length,
      usage: { bytes: 4_096, inodes: 2 },
      impliedDirectories: [],
      linksBelow: [],
    };
  }
}
