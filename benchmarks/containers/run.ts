/**
 * Measures containers of crib beside containerd's, alternating on the same CNI configuration, image, runc and shim in one run.
 *
 *   node benchmarks/containers/run.ts [--samples 30] [--containers 1,100,300] [--megabytes 200] [--settle 20]
 *                                     [--parts memory,life,logs,lists] [--only crib|containerd]
 *
 * Prints Markdown tables within some six minutes; figures of different runs are not comparable, their ratios are. Needs root, Debian's
 * busybox and catatonit, and `scripts/fetch-shims` for containerd; without it crib is measured alone. Interrupted, it takes away what it
 * made before it ends.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";

import { createCgroup, removeCgroup } from "@crib/linux";

import { makeDisk } from "../support/own-disk.ts";
import { removePods } from "../support/remove-pods.ts";
import { runInterruptibly } from "../support/run-interruptibly.ts";
import { sayIfFromSources } from "../support/say-if-from-sources.ts";
import { makeScratch } from "../support/scratch.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { findContainerd, startContainerd } from "../support/start-containerd.ts";
import { startCrib } from "../support/start-crib.ts";
import { importBenchImage } from "./bench-image.ts";
import type { Contestant } from "./contestant.ts";
import { measureLife } from "./measure-life.ts";
import { measureLists } from "./measure-lists.ts";
import { type LogFigures, measureLogs } from "./measure-logs.ts";
import { measureMemory } from "./measure-memory.ts";
import { makePodFiles } from "./pod-request.ts";
import { lifeTable, listTable, logTable, memoryTable } from "./report.ts";

/** Bytes of the disk that the runtimes share; sparse. */
const diskBytes = 8 * 2 ** 30;

/** Pods of which the memory is read. */
const memoryPods = 20;

/** Calls of each list and number of containers. */
const listSamples = 40;

/** Containers that write, for each length of lines. */
const logSamples = 3;

const { values } = parseArgs({
  options: {
    samples: { type: "string", default: "30" },
    containers: { type: "string", default: "1,100,300" },
    megabytes: { type: "string", default: "200" },
    settle: { type: "string", default: "20" },
    parts: { type: "string", default: "memory,life,logs,lists" },
    only: { type: "string" },
  },
});

const parts = new Set(values.parts.split(","));

await runInterruptibly(async (signal) => {
  const found = findContainerd();
  if (!found) console.log("containerd is not there (scripts/fetch-shims); crib is measured alone\n");
  await using scratch = makeScratch("10.235.0.0/16");
  await using disk = await makeDisk(scratch.dir, diskBytes);
  const onDisk = { ...scratch, dir: disk.dir };
  await createCgroup("/crib-bench");
  await using running = new AsyncDisposableStack();
  running.defer(() => removeCgroup("/crib-bench"));

  const servers: ServerProcess[] = [];
  const take = (server: ServerProcess): void => {
    running.use(server);
    running.defer(() => removePods(server));
    servers.push(server);
    sayIfFromSources(server);
    signal.throwIfAborted();
  };
  signal.throwIfAborted();
  if (values.only !== "containerd") take(await startCrib(onDisk, found?.shim ?? "", { detached: true }));
  if (found && values.only !== "crib") take(await startContainerd(onDisk, found, { detached: true }));
  const images = await importBenchImage(onDisk, servers);
  const files = makePodFiles(join(disk.dir, "kubelet"));
  await measure(servers.map((server, index) => ({ server, image: images[index] ?? "", files, signal })));
});

async function measure(contestants: readonly Contestant[]): Promise<void> {
  if (parts.has("memory")) {
    const settleMs = Number(values.settle) * 1_000;
    const figures = await measureMemory(contestants, { pods: memoryPods, settleMs });
    console.log(`Memory of the daemon, ${values.settle} s after the last call:\n\n${memoryTable(figures)}\n`);
  }
  if (parts.has("life")) console.log(`${lifeTable(await measureLife(contestants, Number(values.samples)))}\n`);
  if (parts.has("logs")) {
    const figures: LogFigures[] = [];
    for (const lineBytes of [100, 16_384]) {
      const options = { lineBytes, megabytes: Number(values.megabytes), samples: logSamples };
      figures.push(...(await measureLogs(contestants, options)));
    }
    console.log(`${logTable(figures)}\n`);
  }
  if (parts.has("lists")) {
    const levels = values.containers.split(",").map(Number);
    console.log(listTable(await measureLists(contestants, { levels, samples: listSamples })));
  }
}
