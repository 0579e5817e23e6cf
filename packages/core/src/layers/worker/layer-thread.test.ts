import { equal, ok, rejects } from "node:assert/strict";
import { readdirSync } from "node:fs";
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

function countDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

test("jobs of a thread that dies fail with Internal, and its descriptors are closed", needsRoot, async () => {
  const archive = makeTar(
    ...Array.from({ length: 100 }, (_, index) => tarEntry({ path: `d${index}/f` }, "x".repeat(5000))),
  );
  const blob = gzipSync(archive, { level: 0 });
  const before = countDescriptors();
  const ended = Promise.withResolvers<void>();
  const thread = new LayerThread(ended.resolve);
  const cells = new JobCells();
  const job = begin(thread, { kind: "unpack", job: bench.makeJob(blob, archive) }, cells);
  cells.available = blob.length - 10;
  const late = performance.now() + 5000;
  while (countDescriptors() < before + 40 && performance.now() < late)
    await new Promise((resolve) => setTimeout(resolve, 2));
  const most = countDescriptors();
  const failed = rejects(job, { code: Code.Internal, message: /thread has ended/ });
  await thread.kill();
  await failed;
  await ended.promise;
  ok(!thread.isAlive);
  ok(most >= before + 40, "the thread had directories open");
  equal(countDescriptors(), before);
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
