import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, linkSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { addPause } from "../support/pause-image.ts";
import { runProgram } from "../support/run-program.ts";
import type { Scratch } from "../support/scratch.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { findContainerd } from "../support/start-containerd.ts";
import { writeImage } from "../support/write-image.ts";

const reference = "crib.example/bench/busybox:latest";

const busybox = "/usr/bin/busybox";

/** Milliseconds for an import. */
const importMs = 30_000;

/** Gives every runtime an image with a shell and `/pause -P`, which waits until it is told to end. Gives its id in each. */
export async function importBenchImage(
  scratch: Scratch,
  servers: readonly ServerProcess[],
): Promise<readonly string[]> {
  const archive = join(scratch.dir, "bench.tar");
  await writeImage(archive, reference, { config: { Cmd: ["/pause", "-P"], Env: ["PATH=/usr/bin:/bin"] }, fill });
  const ids: string[] = [];
  for (const { name, socket, client } of servers) {
    const [program, ...args] = name === "crib" ? cribImport(socket) : containerdImport(socket);
    await runProgram(program, [...args, archive], { timeoutMs: importMs });
    // containerd's CRI service hears of it by an event.
    const deadline = performance.now() + importMs;
    for (;;) {
      const { image } = await client.image.imageStatus({ image: { image: reference } });
      if (image) {
        ids.push(image.id);
        break;
      }
      if (performance.now() > deadline) throw new Error(`${name} does not have ${reference} after its import`);
      await sleep(20);
    }
  }
  return ids;
}

function cribImport(socket: string): readonly [string, ...string[]] {
  return [join(import.meta.dirname, "../../bin/crib"), "image", "import", "--socket", socket];
}

function containerdImport(socket: string): readonly [string, ...string[]] {
  return [findContainerd()?.ctr ?? "ctr", "-a", socket, "-n", "k8s.io", "images", "import"];
}

/** The machine's busybox with what it is loaded with. */
function fill(rootfs: string): void {
  for (const name of ["bin", "dev", "etc", "proc", "sys", "tmp", "usr/bin"])
    mkdirSync(join(rootfs, name), { recursive: true });
  const libraries = execFileSync("ldd", [busybox], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g);
  for (const path of [busybox, ...[...libraries].map(([, library]) => library ?? "")]) {
    const target = join(rootfs, path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(path, target);
    chmodSync(target, 0o755);
  }
  for (const applet of ["sh", "true", "cat", "sleep", "wc", "httpd"])
    linkSync(join(rootfs, busybox), join(rootfs, "bin", applet));
  addPause(rootfs);
}
