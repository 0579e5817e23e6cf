import { watch, type FSWatcher } from "node:fs";
import { stat } from "node:fs/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";

import { loadNetworks, type LoadNetworksOptions } from "./load-networks.ts";
import type { NetworkList } from "./network-list.ts";

/** Options of `watchNetworks`. */
export interface WatchNetworksOptions extends LoadNetworksOptions {
  /** Milliseconds between looks at the directory besides its events; default 10,000, and at most 1,000 while it is missing. */
  readonly rescanMs?: number;
  /** Milliseconds of quiet after an event before the directory is read; default 50. */
  readonly debounceMs?: number;
}

/** What is known of the configured networks. */
export interface NetworkState {
  /** The last good ones; empty when the directory has none or was never read. */
  readonly networks: readonly NetworkList[];
  /** Why the directory's present content is not what `networks` says; names the directory or file. */
  readonly error?: StatusError;
  /** When `networks` was read; absent before the first success. */
  readonly loadedAt?: Date;
}

/** A view of a configuration directory that follows its changes. */
export interface NetworkWatch extends AsyncDisposable {
  /** The state now, without I/O. */
  current(): NetworkState;
  /** Reads the directory at once and gives the state after that; never rejects for what the directory holds. */
  reload(): Promise<NetworkState>;
  /** Calls `listener` after each change of the networks or of the error, until disposed. What a listener throws becomes a process warning. */
  subscribe(listener: (state: NetworkState) => void): Disposable;
}

const missingRescanMs = 1_000;

/**
 * Follows a configuration directory by its events and by a periodic look, so that missed events, a directory that is
 * removed and made again, or exhausted inotify watches only delay a change. When a load fails, the last good networks stay;
 * when there is no configuration any more, there are no networks. The first load starts at once; `reload` waits for it.
 */
export function watchNetworks(options: WatchNetworksOptions): NetworkWatch {
  return new DirectoryWatch(options);
}

class DirectoryWatch implements NetworkWatch {
  readonly #options: WatchNetworksOptions;
  readonly #listeners = new Set<(state: NetworkState) => void>();
  #state: NetworkState = { networks: [] };
  #watcher: FSWatcher | undefined;
  #watchedInode: string | undefined;
  #eventTimer: NodeJS.Timeout | undefined;
  #rescanTimer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: WatchNetworksOptions) {
    this.#options = options;
    void this.#start();
  }

  current(): NetworkState {
    return this.#state;
  }

  async reload(): Promise<NetworkState> {
    // A load that runs already may have read the directory before the change that the caller asks about.
    if (!this.#closed) await this.#start();
    return this.#state;
  }

  subscribe(listener: (state: NetworkState) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    clearTimeout(this.#eventTimer);
    clearTimeout(this.#rescanTimer);
    this.#unwatch();
    await this.#running;
  }

  /** Starts a load, or has the running one repeated; the promise ends when the directory was read after this call. */
  #start(): Promise<void> {
    this.#again = true;
    return (this.#running ??= this.#loop().finally(() => (this.#running = undefined)));
  }

  async #loop(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      clearTimeout(this.#rescanTimer);
      const present = await this.#follow();
      const next = await this.#load();
      if (this.#closed) return;
      this.#publish(next);
      const { rescanMs = 10_000 } = this.#options;
      const delayMs = present ? rescanMs : Math.min(rescanMs, missingRescanMs);
      clearTimeout(this.#rescanTimer);
      this.#rescanTimer = setTimeout(() => void this.#start(), delayMs).unref();
    }
  }

  async #load(): Promise<NetworkState> {
    try {
      return { networks: await loadNetworks(this.#options), loadedAt: new Date() };
    } catch (reason) {
      const error = StatusError.from(reason);
      // No configuration is a state of its own: nobody wants the network of a file that was removed.
      if (hasCode(error, Code.NotFound)) return { networks: [], error };
      return { ...this.#state, error };
    }
  }

  #publish(next: NetworkState): void {
    const changed = fingerprint(next) !== fingerprint(this.#state);
    this.#state = next;
    if (!changed) return;
    for (const listener of this.#listeners) {
      try {
        listener(next);
      } catch (reason) {
        // One listener's fault must neither stop the watch nor hide the change from the others.
        process.emitWarning(reason instanceof Error ? reason : String(reason), "NetworkWatchWarning");
      }
    }
  }

  /** Sees to it that events come from the directory that has the name now. Whether there is one. */
  async #follow(): Promise<boolean> {
    const inode = await inodeOf(this.#options.dir);
    if (inode === this.#watchedInode && this.#watcher !== undefined) return true;
    this.#unwatch();
    if (inode === undefined || this.#closed) return false;
    try {
      this.#watcher = watch(this.#options.dir, { persistent: false }, () => this.#noticed());
      this.#watcher.on("error", () => this.#unwatch());
      this.#watchedInode = inode;
    } catch {
      // Out of inotify watches, or the directory just went: the periodic look does it alone.
      this.#unwatch();
    }
    return true;
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#watchedInode = undefined;
  }

  /** Reads the directory a moment after the first event of a burst; later events of the burst cannot postpone it. */
  #noticed(): void {
    if (this.#closed || this.#eventTimer !== undefined) return;
    this.#eventTimer = setTimeout(() => {
      this.#eventTimer = undefined;
      void this.#start();
    }, this.#options.debounceMs ?? 50).unref();
  }
}

async function inodeOf(dir: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(dir, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    // Whatever keeps the directory from being seen comes out of the load that follows, with its name.
    return undefined;
  }
}

function fingerprint({ networks, error }: NetworkState): string {
  return JSON.stringify([networks.map(({ source, bytes }) => [source, bytes]), error?.message]);
}
