import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";

import { Code } from "@crib/errdefs";

import { createLayerUnpacker } from "./layer-unpacker.ts";
import { makeTar, tarEntry } from "./testing/make-tar.ts";
import { defaultLimits, LayerBench, needsRoot, sha256 } from "./testing/unpack-archive.ts";

const bench = new LayerBench();
const noise = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * index * 7919) >> 7));
const archive = makeTar(
  tarEntry({ path: "d/", flag: "5", mode: 0o755 }),
  tarEntry({ path: "d/file" }, noise),
  tarEntry({ path: "d/small" }, "hello"),
);

test("gzip, zstd and plain archives are told by their first bytes", needsRoot, async () => {
  const skippable = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0]), Buffer.from("toc!")]);
  const halves = [archive.subarray(0, 1000), archive.subarray(1000)];
  const blobs = {
    gzip: gzipSync(archive),
    "gzip of several members": Buffer.concat(halves.map((half) => gzipSync(half))),
    "gzip padded with zeros": Buffer.concat([gzipSync(archive), Buffer.alloc(5000)]),
    zstd: zstdCompressSync(archive),
    "zstd of several frames": Buffer.concat([skippable, ...halves.map((half) => zstdCompressSync(half)), skippable]),
    plain: archive,
  };
  for (const [name, blob] of Object.entries(blobs)) {
    const job = bench.makeJob(blob, archive);
    const layer = await bench.run(job);
    equal(layer.entries, 3, name);
    equal(layer.archiveBytes, archive.length, name);
    ok(readFileSync(join(job.target, "d/file")).equals(noise), name);
    equal(readFileSync(join(job.target, "d/small"), "utf8"), "hello");
  }
});

test("usage is what du says, links counted once", needsRoot, async () => {
  const { target, layer } = await bench.unpack(
    makeTar(
      ...Array.from({ length: 200 }, (_, index) => tarEntry({ path: `d/f${index}` }, Buffer.alloc(index * 100))),
      tarEntry({ path: "d/hard", flag: "1", linkPath: "d/f199" }),
    ),
  );
  const [kilobytes] = execFileSync("du", ["-sk", target], { encoding: "utf8" }).split("\t");
  deepEqual(layer.usage, { bytes: Number(kilobytes) * 1024, inodes: 202 });
  deepEqual(await bench.unpacker.usage(target, AbortSignal.timeout(60_000)), layer.usage);
});

test("a blob is followed while it grows, and is not unpacked faster than it is there", needsRoot, async () => {
  const blob = gzipSync(archive, { level: 1 });
  const job = bench.makeJob(blob, archive);
  writeFileSync(job.blobPath, "");
  const run = bench.unpacker.unpack(job, AbortSignal.timeout(60_000));
  equal(run.readBytes, 0);
  for (let at = 0; at < blob.length; at += 40_000) {
    appendFileSync(job.blobPath, blob.subarray(at, at + 40_000));
    run.available(Math.min(blob.length, at + 40_000));
    await new Promise((resolve) => setTimeout(resolve, 5));
    ok(run.readBytes <= at + 40_000);
  }
  equal((await run.done).entries, 3);
  equal(run.readBytes, blob.length);
});

test("another blob, size or archive than was promised is DataLoss that says which", needsRoot, async () => {
  const blob = gzipSync(archive);
  const other = gzipSync(makeTar(tarEntry({ path: "evil" }, "x")));
  const good = bench.makeJob(blob, archive);
  const cases = [
    [{ ...good, digest: sha256(other) }, /blob "sha256:\w+" has the digest "sha256:\w+"/],
    [{ ...good, diffId: sha256(other) }, /its archive has the diff id/],
    [{ ...good, size: good.size - 1 }, /has \d+ bytes instead of \d+/],
    [{ ...good, size: good.size + 1 }, /ends after \d+ bytes/],
  ] as const;
  for (const [job, message] of cases) {
    await rejects(bench.run({ ...job, target: bench.makeDirectory() }), { code: Code.DataLoss, message });
  }
  // What is damaged need not be inflatable any more.
  for (const at of [0, 20, 1000, blob.length - 3]) {
    const flipped = Buffer.from(blob);
    flipped[at] = (flipped[at] ?? 0) ^ 0x10;
    const job = { ...bench.makeJob(flipped, archive), digest: good.digest };
    await rejects(bench.run(job), { code: Code.DataLoss, message: /has the digest/ }, `byte ${at}`);
  }
});

test("what is no layer is refused, soon, and the next layer is none the worse", needsRoot, async () => {
  const gzip = gzipSync(archive);
  const zstd = zstdCompressSync(archive);
  const bad = {
    empty: Buffer.alloc(0),
    "one byte": Buffer.from("x"),
    garbage: Buffer.from(noise),
    text: Buffer.from("<html>not found</html>".repeat(100)),
    "truncated gzip": gzip.subarray(0, gzip.length - 100),
    "truncated in its trailer": gzip.subarray(0, gzip.length - 3),
    "gzip header only": gzip.subarray(0, 5),
    "truncated zstd": zstd.subarray(0, zstd.length - 100),
    "truncated second frame": Buffer.concat([zstd, zstd.subarray(0, zstd.length - 1)]),
    "zstd header only": zstd.subarray(0, 4),
    "gzip and garbage": Buffer.concat([gzip, Buffer.from("garbage")]),
    "gzip, zeros and garbage": Buffer.concat([gzip, Buffer.alloc(700), Buffer.from("garbage")]),
    "gzip, zeros and gzip": Buffer.concat([gzip, Buffer.alloc(700), gzip]),
    "gzip, many zeros and gzip": Buffer.concat([gzip, Buffer.alloc(700_000), gzip]),
    "zstd and zeros": Buffer.concat([zstd, Buffer.alloc(700)]),
    bzip2: Buffer.concat([Buffer.from("BZh9"), noise]),
    xz: Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), noise]),
    "gzip of garbage": gzipSync(noise),
    "truncated archive": gzipSync(archive.subarray(0, 5000)),
  };
  for (const [name, blob] of Object.entries(bad)) {
    const start = performance.now();
    // Only what is wrong with the form is in question: the archive is what the diff id says wherever there is one.
    const inflated: Partial<Record<string, Buffer>> = {
      "one byte": blob,
      "truncated archive": archive.subarray(0, 5000),
    };
    await rejects(bench.run(bench.makeJob(blob, inflated[name] ?? archive)), { code: Code.InvalidArgument }, name);
    ok(performance.now() - start < 30_000, name);
  }
  equal((await bench.unpack(archive)).layer.entries, 3);
});

test("limits are ResourceExhausted", needsRoot, async () => {
  const code = Code.ResourceExhausted;
  await rejects(bench.unpack(archive, { unpackedBytes: 100_000 }), { code, message: /larger than 100000 bytes/ });
  await rejects(bench.unpack(archive, { entries: 2 }), { code, message: /more than 2 entries/ });
  await rejects(bench.unpack(archive, { pathBytes: 5 }), { code: Code.InvalidArgument, message: /more than 5/ });
});

test("the signal ends a run that waits and one that works, and nothing is written afterwards", needsRoot, async () => {
  const blob = gzipSync(archive);
  const waiting = bench.makeJob(blob, archive);
  const controller = new AbortController();
  const run = bench.unpacker.unpack(waiting, controller.signal);
  run.available(10);
  setTimeout(() => controller.abort(), 50);
  await rejects(run.done, { code: Code.Canceled });

  const parts = Array.from({ length: 30_000 }, (_, index) => tarEntry({ path: `f${index}` }, "x"));
  const large = bench.makeJob(Buffer.concat(parts), Buffer.alloc(0));
  const working = new AbortController();
  const busy = bench.unpacker.unpack(large, working.signal);
  // It cannot be done before it is told, however late that is.
  busy.available(large.size >> 1);
  while (busy.readBytes === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  working.abort();
  await rejects(busy.done, { code: Code.Canceled });
  const count = readdirSync(large.target).length;
  ok(count < 30_000, `${count} files`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  equal(readdirSync(large.target).length, count);

  const job = bench.makeJob(blob, archive);
  await rejects(bench.run(job, AbortSignal.abort()), { code: Code.Canceled });
  deepEqual(readdirSync(job.target), []);
});

test("layers that wait for bytes do not hold up others", needsRoot, async () => {
  const stalled = Array.from({ length: 20 }, () => {
    const controller = new AbortController();
    const blob = gzipSync(archive);
    const run = bench.unpacker.unpack(bench.makeJob(blob, archive), controller.signal);
    run.available(blob.length >> 1);
    return { controller, run };
  });
  equal((await bench.unpack(archive)).layer.entries, 3);
  for (const { controller, run } of stalled) {
    controller.abort();
    await rejects(run.done, { code: Code.Canceled });
  }
});

test("a file that gets shorter under its reader is DataLoss; a missing one is NotFound", needsRoot, async () => {
  const job = bench.makeJob(noise, noise);
  truncateSync(job.blobPath, 100);
  await rejects(bench.run(job), { code: Code.DataLoss });
  await rejects(bench.run({ ...job, blobPath: "/nonexistent/blob" }), { code: Code.NotFound });
  await rejects(bench.run({ ...job, target: "/nonexistent/target" }), { code: Code.NotFound });
});

test("files are hashed and trees removed on another thread", needsRoot, async () => {
  const { target } = await bench.unpack(archive);
  const signal = AbortSignal.timeout(60_000);
  const file = join(target, "d/file");
  deepEqual(await bench.unpacker.hashFile(file, "sha256", signal), { digest: sha256(noise), size: noise.length });
  const { digest } = await bench.unpacker.hashFile(file, "sha512", signal);
  ok(/^sha512:[0-9a-f]{128}$/.test(digest));
  await rejects(bench.unpacker.hashFile(`${file}x`, "sha256", signal), { code: Code.NotFound });
  await bench.unpacker.syncFileSystem(target, signal);
  await bench.unpacker.removeTree(target, signal);
  await bench.unpacker.removeTree(target, signal);
  await rejects(bench.unpacker.usage(target, signal), { code: Code.NotFound });
});

test("an idle unpacker does not keep the process alive, a disposed one ends its runs", needsRoot, async () => {
  const script = `
    import { createLayerUnpacker } from ${JSON.stringify(new URL("./layer-unpacker.ts", import.meta.url).href)};
    createLayerUnpacker().warm();
    await createLayerUnpacker().usage("/dev/shm", new AbortController().signal);
  `;
  execFileSync(process.execPath, ["--input-type=module", "-e", script], { timeout: 60_000 });
  const unpacker = createLayerUnpacker();
  const run = unpacker.unpack(bench.makeJob(archive, archive), new AbortController().signal);
  await unpacker[Symbol.asyncDispose]();
  await rejects(run.done, { code: Code.Canceled });
});

test("jobs of one unpacker share two threads, whatever their number", needsRoot, async () => {
  const tasks = (): number => readdirSync("/proc/self/task").length;
  const before = tasks();
  const jobs = Array.from({ length: 12 }, () => bench.makeJob(gzipSync(archive), archive, defaultLimits));
  const layers = await Promise.all(jobs.map(async (job) => await bench.run(job)));
  ok(layers.every(({ entries }) => entries === 3));
  ok(tasks() - before <= 4, `${tasks() - before} more threads`);
});
