import { closeSync, fsyncSync, openSync, statfsSync, statSync, truncateSync } from "node:fs";

import { runProgram } from "../run-program.ts";

/** Makes a file as large as it must be for its file system to have so many bytes left, in whole blocks. */
export async function fillFileSystem(filler: string, leftBytes: number): Promise<void> {
  const file = openSync(filler, "a", 0o600);
  try {
    // What belongs to a file beside its content takes blocks too, so the first try may be off by a few.
    for (let tries = 0; tries < 10; tries++) {
      fsyncSync(file);
      const { bavail, bsize } = statfsSync(filler);
      const surplus = bavail - Math.ceil(leftBytes / bsize);
      if (surplus === 0) return;
      const size = statSync(filler).size + surplus * bsize;
      if (size < 0) throw new Error(`${filler}: the file system has not ${leftBytes} bytes`);
      if (surplus < 0) truncateSync(filler, size);
      else await runProgram(["fallocate", "-l", `${size}`, filler], { mayFail: true });
    }
    throw new Error(`${filler}: cannot leave just ${leftBytes} bytes`);
  } finally {
    closeSync(file);
  }
}
