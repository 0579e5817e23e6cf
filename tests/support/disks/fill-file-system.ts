import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { runProgram } from "../run-program.ts";

/** Name of the file that takes most of the room. */
const most = "most";
/**
 * How often that file is made larger; what is left is taken by a file for each block. Where it lies in many pieces it may not be possible
 * to have it grow by one block, because its map then takes another.
 */
const growths = 4;

/**
 * Has a file system have so many bytes left, in whole blocks, by what it puts into a directory that is its own: `filler`, which may be
 * there from an earlier time. Whoever removes that directory gives the room back.
 */
export async function fillFileSystem(filler: string, leftBytes: number): Promise<void> {
  mkdirSync(filler, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(filler)) if (name !== most) rmSync(join(filler, name));
  const file = join(filler, most);
  const open = openSync(file, "a", 0o600);
  try {
    // Others may write meanwhile, and what belongs to a file beside its content takes blocks too.
    for (let tries = 0; tries < 100; tries++) {
      fsyncSync(open);
      const { bavail, bsize } = statfsSync(filler);
      const surplus = bavail - Math.ceil(leftBytes / bsize);
      if (surplus === 0) return;
      const size = statSync(file).size + surplus * bsize;
      if (size < 0) throw new Error(`${filler}: the file system has not ${leftBytes} bytes`);
      if (surplus < 0) truncateSync(file, size);
      else if (tries < growths) await runProgram(["fallocate", "-l", `${size}`, file], { mayFail: true });
      else takeBlock(join(filler, `${tries}`), bsize);
    }
    throw new Error(`${filler}: cannot leave just ${leftBytes} bytes`);
  } finally {
    closeSync(open);
  }
}

function takeBlock(path: string, bytes: number): void {
  try {
    writeFileSync(path, Buffer.alloc(bytes), { mode: 0o600, flush: true });
  } catch (reason) {
    // Somebody else was quicker.
    if ((reason as NodeJS.ErrnoException).code !== "ENOSPC") throw reason;
  }
}
