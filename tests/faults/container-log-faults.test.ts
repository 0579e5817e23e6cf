import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mkdirSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { ContainerState } from "@crib/wire/cri";

import { startContainerNode } from "../support/containers/container-node.ts";
import type { Container, LogLine } from "../support/containers/container.ts";
import { fillFileSystem } from "../support/disks/fill-file-system.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { runProgram } from "../support/run-program.ts";

/** Numbered lines for as long as it runs; the number is in a file, too. */
const counting = `i=0; while :; do i=$((i+1)); echo "line $i of the log"; echo $i >/progress; sleep 0.01; done`;

async function progressOf(container: Container): Promise<number> {
  return Number(await container.sh("cat /progress"));
}

/** The numbers in a log must rise; what is missing must be what crib says was lost, to the byte. Gives how many bytes that was. */
function expectLossTold(lines: readonly LogLine[]): number {
  let [last, lost, told] = [0, 0, 0];
  for (const { text, tag } of lines) {
    equal(tag, "F");
    const said = /^crib: (\d+) bytes of output were lost: /.exec(text);
    if (said) {
      told += Number(said[1]);
      continue;
    }
    const number = Number(/^line (\d+) of the log$/.exec(text)?.[1]);
    ok(number > last, `${text} comes after line ${last}`);
    for (let missing = last + 1; missing < number; missing++) lost += `line ${missing} of the log\n`.length;
    last = number;
  }
  equal(told, lost);
  return lost;
}

test(
  "a log on a full disk: the container goes on, no line is torn, and the log goes on when there is room",
  needsRoot,
  async (t) => {
    const target = await startContainerNode(t);
    const { node } = target;
    const dir = join(node.lane.dir, "small");
    mkdirSync(dir);
    await runProgram(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0755", "tmpfs", dir]);
    try {
      const pod = await node.runPod({ change: (config) => ({ ...config, logDirectory: dir }) });
      const container = await target.runContainer(pod, { script: counting });
      await eventually(10_000, async () => ok((await container.log()).length > 3));
      const filler = join(dir, "filler");
      await fillFileSystem(filler, 0);
      // What is left in the last block of the log is used up.
      const full = await eventually(20_000, async () => {
        const [before, at] = [(await container.log()).length, await progressOf(container)];
        await eventually(10_000, async () => ok((await progressOf(container)) > at + 50));
        equal((await container.log()).length, before);
        return before;
      });
      equal(statfsSync(dir).bavail, 0);
      equal((await container.status()).state, ContainerState.CONTAINER_RUNNING);

      rmSync(filler, { recursive: true });
      await eventually(20_000, async () => ok((await container.log()).length > full + 20));
      ok(expectLossTold(await container.log()) > 0);

      // And once more to the end: it must not keep the container from ending.
      await fillFileSystem(filler, 0);
      await container.stop(0);
      equal((await container.status()).exitCode, 137);
      // That something is lost at the end finds no room either.
      expectLossTold(await container.log());
      await pod.remove();
    } finally {
      await node.removeAllPods();
      await runProgram(["umount", dir]);
    }
    deepEqual(await node.leaks(), []);
  },
);

test("FIFOs without anybody at their other end", needsRoot, async (t) => {
  const target = await startContainerNode(t);
  const { node } = target;
  const pod = await node.runPod();

  await t.test("as the log of a container: its start fails at once, and says so", async () => {
    const logDirectory = pod.config.logDirectory ?? "";
    mkdirSync(logDirectory, { recursive: true });
    await runProgram(["mkfifo", join(logDirectory, "fifo.log")]);
    const container = await target.createContainer(pod, { name: "fifo" });
    await rejects(container.start(), /not a regular file/);
    equal((await container.status()).reason, "StartError");
    await container.remove();
  });

  await t.test("as the input of a container that reads it: it runs, is stopped, and outlives the daemon", async () => {
    const container = await target.runContainer(pod, {
      script: 'read -r line; echo "end of input: $line"; exit 4',
      change: (config) => ({ ...config, stdin: true }),
    });
    await node.restart();
    equal((await container.status()).state, ContainerState.CONTAINER_RUNNING);
    await container.stop(0);
    equal((await container.status()).exitCode, 137);
    await container.remove();
  });

  await t.test("as the output of a container that writes without end while no daemon reads", async () => {
    const container = await target.runContainer(pod, { script: "while :; do echo much; done" });
    await node.kill();
    await node.restart();
    // A look at what grows may end inside a line.
    const before = await eventually(20_000, async () => (await container.log()).length);
    await eventually(20_000, async () => ok((await container.log()).length > before));
    await container.stop(0);
    await container.remove();
  });
  await pod.remove();
  deepEqual(await node.leftovers(), []);
  deepEqual(await node.leaks(), []);
});
