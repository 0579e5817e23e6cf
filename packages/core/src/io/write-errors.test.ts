import { equal, ok } from "node:assert/strict";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { hasCapability, mountTmpfs, umountTree } from "@crib/linux";

import { joinLog, readLog, StdioBench, untilExit } from "./testing/stdio-bench.ts";

const needsRoot = {
  skip: process.getuid?.() === 0 && hasCapability("CAP_SYS_ADMIN") ? false : "needs root with CAP_SYS_ADMIN",
};

test(
  "a full disk loses lines, and is told; the container goes on and so does the log when there is room",
  needsRoot,
  async (t) => {
    await using bench = new StdioBench();
    const disk = join(bench.directory, "disk");
    mkdirSync(disk);
    mountTmpfs(disk, { sizeBytes: 256 * 1024 });
    try {
      const filler = join(disk, "filler");
      writeFileSync(filler, Buffer.alloc(128 * 1024));
      const path = join(disk, "log");
      const streams = await bench.open(t, { path });
      const room = join(bench.directory, "room");
      const child = bench.start(
        `seq -f %099.0f 20000; touch "${room}.wanted"; until [ -e "${room}" ]; do sleep 0.02; done; seq -f %099.0f 20001 20010`,
        streams,
      );
      while (bench.notes.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      // It has written all of it, into nothing.
      while (!existsSync(`${room}.wanted`)) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 300));
      const full = readLog(path);
      rmSync(filler);
      writeFileSync(room, "");
      await untilExit(child);
      ok(await streams.drained(20_000));
      const lines = readLog(path);
      equal(joinLog(lines).slice(0, joinLog(full).length), joinLog(full));
      equal(Number(lines.at(-1)?.text), 20_010);
      const told = lines.find(({ text }) => text.startsWith("crib: "));
      const lost = Number(/^crib: (\d+) bytes of output were lost: .*ENOSPC/.exec(told?.text ?? "")?.[1]);
      const kept = lines.filter((line) => line !== told && line.text !== "").length;
      equal(lost, 100 * (20_010 - kept));
      equal(bench.notes.length, 2);
      equal(bench.notes[1]?.fields["lostBytes"], lost);
      await streams.close();
    } finally {
      await umountTree(disk);
    }
  },
);
