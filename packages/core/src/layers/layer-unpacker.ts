import type { Digest } from "@crib/oci-spec";

import type { IdMappings } from "../snapshots/types.ts";
import type { LayerUnpacker, TreeCopier, TreePacker, UnpackedLayer, UnpackJob, UnpackRun } from "./types.ts";
import { ThreadPool } from "./worker/thread-pool.ts";

/** How many threads there are at most, and how long they wait for more to do. */
export interface LayerUnpackerOptions {
  /** Threads that unpack. Default 2: one inflates and one writes, so that more of them gain little. */
  readonly threads?: number;
  /** Default 30,000. */
  readonly idleMs?: number;
}

class ThreadedLayerUnpacker implements LayerUnpacker, TreeCopier, TreePacker {
  /** Also what a pull does after its layers, since its threads run already. */
  readonly #unpacking: ThreadPool;
  /** Apart, so that removing and measuring large trees does not hold up pulls. */
  readonly #trees: ThreadPool;
  readonly #closing = new AbortController();

  constructor(options: LayerUnpackerOptions) {
    const idleMs = options.idleMs ?? 30_000;
    this.#unpacking = new ThreadPool(options.threads ?? 2, idleMs);
    this.#trees = new ThreadPool(1, idleMs);
  }

  warm(): void {
    this.#unpacking.warm();
  }

  unpack(job: UnpackJob, signal: AbortSignal): UnpackRun {
    const running = this.#unpacking.run({ kind: "unpack", job }, this.#either(signal));
    const { cells, done } = running;
    // Whoever awaits it gets the error; nobody may await it yet when it comes, and that must not end the process.
    done.catch(() => undefined);
    return {
      available(bytes) {
        cells.available = bytes;
        if (cells.isWaiting) running.wake();
      },
      get readBytes() {
        return cells.readBytes;
      },
      done,
    };
  }

  async settle(target: string, layer: UnpackedLayer, below: readonly string[], signal: AbortSignal): Promise<void> {
    const needs = layer.impliedDirectories.length + layer.linksBelow.length + Number(layer.hidesBelow === true);
    if (needs === 0 || (below.length === 0 && layer.linksBelow.length === 0)) return;
    await this.#unpacking.run({ kind: "settle", target, layer, below }, this.#either(signal)).done;
  }

  async removeTree(path: string, signal: AbortSignal): Promise<void> {
    await this.#trees.run({ kind: "remove", path }, this.#either(signal)).done;
  }

  async copyTree(root: string, path: string, target: string, signal: AbortSignal): Promise<boolean> {
    const job = { kind: "copy", root, path, target } as const;
    return (await this.#trees.run(job, this.#either(signal)).done).isThere;
  }

  async packTree(
    path: string,
    mappings: IdMappings | undefined,
    target: string,
    signal: AbortSignal,
  ): Promise<{ readonly size: number }> {
    return await this.#trees.run({ kind: "pack", path, mappings, target }, this.#either(signal)).done;
  }

  async usage(path: string, signal: AbortSignal): Promise<{ readonly bytes: number; readonly inodes: number }> {
    return await this.#trees.run({ kind: "usage", path }, this.#either(signal)).done;
  }

  async hashFile(
    path: string,
    algorithm: "sha256" | "sha512",
    signal: AbortSignal,
  ): Promise<{ readonly digest: Digest; readonly size: number }> {
    return await this.#trees.run({ kind: "hash", path, algorithm }, this.#either(signal)).done;
  }

  async syncFileSystem(path: string, signal: AbortSignal): Promise<void> {
    await this.#unpacking.run({ kind: "sync", path }, this.#either(signal)).done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#unpacking.end(), this.#trees.end()]);
  }

  #either(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#closing.signal]);
  }
}

/** Starts no thread yet. Disposing of it cancels what runs. */
export function createLayerUnpacker(options: LayerUnpackerOptions = {}): LayerUnpacker & TreeCopier & TreePacker {
  return new ThreadedLayerUnpacker(options);
}
