import { equal, ok, rejects } from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { Code } from "@crib/errdefs";

import { makeTar, tarEntry } from "../testing/make-tar.ts";
import { LayerBench, needsRoot } from "../testing/unpack-archive.ts";
import { JobCells } from "./job-cells.ts";
import { LayerThread } from "./layer-thread.ts";
import type { JobRequest, JobResults } from "./messages.ts";

const bench = new LayerBench();

function begin(thread: LayerThread, request: JobRequest, cells: JobCells): Promise<JobResults[JobRequest["kind"]]> {
  const { promise, resolve, reject } = Promise.withResolvers<JobResults[JobRequest["kind"]]>();
  thread.start(request, cells, { resolve, reject });
  return promise;
}

/** How many files and directories of these tests the process has open. */
function countOpen(): number {
  const isOurs = (fd: string): boolean => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(bench.directory);
    } catch {
      return false; // The listing's own.
    }
  };
  return readdirSync("/proc/self/fd").filter(isOurs).length;
}

test("jobs of a thread that dies fail with Internal, and its descriptors are closed", needsRoot, async () => {
  const archive = makeTar(
    ...Array.from({ length: 100 }, (_, index) => tarEntry({ path: `d${index}/f` }, "x".repeat(5000))),
  );
  const blob = gzipSync(archive, { level: 0 });
  const ended = Promise.withResolvers<void>();
  const thread = new LayerThread(ended.resolve);
  const cells = new JobCells();
  const job = begin(thread, { kind: "unpack", job: bench.makeJob(blob, archive) }, cells);
  cells.available = blob.length - 10;
  // Until it waits for the last bytes: a descriptor that is being opened when the thread ends is lost.
  let most = 0;
  for (let still = 0; still < 5; await new Promise((resolve) => setTimeout(resolve, 10))) {
    const count = countOpen();
    still = cells.isWaiting && count === most && count > 40 ? still + 1 : 0;
    most = count;
  }
  const failed = rejects(job, { code: Code.Internal, message: /thread has ended/ });
  await thread.kill();
  await failed;
  await ended.promise;
  ok(!thread.isAlive);
  ok(most >= 40, "the thread had directories open");
  equal(countOpen(), 0);
});

test("a thread that is ended while it starts takes nobody along", needsRoot, async () => {
  for (let round = 0; round < 3; round += 1) {
    const threads = [new LayerThread(() => undefined), new LayerThread(() => undefined)];
    await new Promise((resolve) => setTimeout(resolve, round * 25));
    await Promise.all(threads.map(async (thread, index) => await (index === 0 ? thread.kill() : thread.end())));
  }
});

test("a thread that is to end waits for jobs that are about to", needsRoot, async () => {
  const thread = new LayerThread(() => undefined);
  const job = begin(thread, { kind: "hash", path: process.execPath, algorithm: "sha256" }, new JobCells());
  await thread.end();
  ok("digest" in ((await job) ?? {}));
});
