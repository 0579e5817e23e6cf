import { randomFillSync } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { rename, rm, statfs, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import { Code, hasCode } from "@crib/errdefs";

import type { Database } from "./database.ts";
import { transaction } from "./transaction.ts";

/** More than the rows take that must be written until the first files are gone. */
const reserveBytes = 1 << 20;

/**
 * A file that takes room which nobody needs, next to the database. On a full disk it goes, so that the database can say what is to be
 * removed; without it nothing could ever be removed there.
 */
export interface DiskReserve {
  /** Gives the room to whoever writes next. False when there was none left. */
  release(): boolean;
  /** Takes the room again if it was given away and there is plenty. Never rejects: the next call tries again. */
  restore(): Promise<void>;
}

/** The reserve at this path, which need not exist yet. */
export function diskReserve(path: string): DiskReserve {
  const draft = `${path}.new`;
  const take = async (): Promise<void> => {
    const { bavail, bsize } = await statfs(dirname(path));
    // Others must not find the disk full because of it.
    if (bavail * bsize < 4 * reserveBytes) return;
    // Of zeros some file systems would keep none.
    await writeFile(draft, randomFillSync(Buffer.alloc(reserveBytes)), { mode: 0o600 });
    await rename(draft, path);
  };
  return {
    release(): boolean {
      if (!existsSync(path)) return false;
      rmSync(path, { force: true });
      return true;
    },
    async restore(): Promise<void> {
      if (existsSync(path)) return;
      try {
        await take();
      } catch {
        // The disk is full after all, and the daemon works without a reserve.
        await rm(draft, { force: true }).catch(() => {});
      }
    },
  };
}

/** A transaction that leads to room on the disk: on a full one it may take the reserve. Otherwise as `transaction`. */
export function freeingTransaction<T>(database: Database, body: () => T extends PromiseLike<unknown> ? never : T): T {
  try {
    return transaction(database, body);
  } catch (reason) {
    if (!hasCode(reason, Code.ResourceExhausted) || !database.reserve.release()) throw reason;
    return transaction(database, body);
  }
}

/** As `freeingTransaction`, for work of several transactions, which must bear to be begun again. */
export async function freeingWork<T>(database: Database, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (reason) {
    if (!hasCode(reason, Code.ResourceExhausted) || !database.reserve.release()) throw reason;
    return await work();
  }
}
