/**
 * Runs the benchmarks of critest (`critest -benchmark`) against crib and containerd, in turn, on the same CNI configuration, image, runc
 * and shim in one run.
 *
 *   node benchmarks/critest/run.ts [--pods 100] [--containers 100] [--parallel 1,4] [--only crib|containerd]
 *
 * Prints a Markdown table; figures of different runs are not comparable, their ratios are. Needs root, Debian's docker-registry, busybox
 * and catatonit, the critest that `scripts/conformance-tools` builds (or that CRIB_CRITEST names), and `scripts/fetch-shims` for
 * containerd; without it crib is measured alone. Interrupted, it takes away what it made before it ends.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { makeDisk } from "../support/own-disk.ts";
import { removePods } from "../support/remove-pods.ts";
import { runInterruptibly } from "../support/run-interruptibly.ts";
import { sayIfFromSources } from "../support/say-if-from-sources.ts";
import { makeScratch } from "../support/scratch.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { findContainerd, startContainerd } from "../support/start-containerd.ts";
import { startCrib } from "../support/start-crib.ts";
import { keepCgroups } from "./keep-cgroups.ts";
import { type Measurement, measureRuntimes } from "./measure-runtimes.ts";
import { benchmarkTable } from "./report.ts";
import { serveImage } from "./serve-image.ts";

/** Bytes of the disk that the runtimes share; sparse. */
const diskBytes = 4 * 2 ** 30;

const { values } = parseArgs({
  options: {
    pods: { type: "string", default: "100" },
    containers: { type: "string", default: "100" },
    parallel: { type: "string", default: "1,4" },
    only: { type: "string" },
  },
});

const critest = process.env["CRIB_CRITEST"] ?? join(import.meta.dirname, "../../tests/conformance/bin/critest");
if (!existsSync(critest)) throw new Error(`${critest} is missing: scripts/conformance-tools builds it`);

await runInterruptibly(async (signal) => console.log(benchmarkTable(await measure(signal))));

async function measure(signal: AbortSignal): Promise<readonly Measurement[]> {
  const found = findContainerd();
  if (!found) console.log("containerd is not there (scripts/fetch-shims); crib is measured alone\n");
  await using scratch = makeScratch("10.236.0.0/16");
  await using disk = await makeDisk(scratch.dir, diskBytes);
  const onDisk = { ...scratch, dir: disk.dir };
  await using running = new AsyncDisposableStack();
  const shimCgroup = `/crib-bench-${process.pid}.shims`;
  running.use(keepCgroups([shimCgroup, "/k8s.io"]));
  const certsDir = join(scratch.dir, "certs.d");
  running.use(await serveImage(scratch.dir, certsDir));

  const servers: ServerProcess[] = [];
  const take = (server: ServerProcess): void => {
    running.use(server);
    running.defer(() => removePods(server));
    servers.push(server);
    sayIfFromSources(server);
    signal.throwIfAborted();
  };
  signal.throwIfAborted();
  if (values.only !== "containerd") {
    const config = `[registry]\nconfig_path = ${JSON.stringify(certsDir)}\n[runtime]\nshim_cgroup = "${shimCgroup}"\n`;
    take(await startCrib(onDisk, found?.shim ?? "", { config, detached: true }));
  }
  if (found && values.only !== "crib") take(await startContainerd(onDisk, found, { certsDir, detached: true }));
  return await measureRuntimes(servers, {
    critest,
    scratch: scratch.dir,
    pods: Number(values.pods),
    containers: Number(values.containers),
    levels: values.parallel.split(",").map(Number),
    signal,
  });
}
