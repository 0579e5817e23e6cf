import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import type { Container, LogLine } from "../support/containers/container.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";

const limit = 128 * 1024;

/** What a pipe holds, and what crib reads at once: neither is waited for. */
const aheadBytes = 2 * 64 * 1024;

const firstNumber = 1_000_001;
/** Bytes of a number and its line feed; a block that `seq` writes has only whole ones. */
const lineBytes = 8;

/** Says so many numbers on both outputs, one after the other, as fast as it can. */
const numbering = (count: number): string => {
  const numbers = `seq ${firstNumber} ${firstNumber + count - 1}`;
  return `${numbers}; ${numbers} >&2`;
};

/** Writes without end, and never stays within the limit. */
const endless = "while :; do echo much too much; done";

const withLimit = (over: string) => ({ config: () => ({ containers: { log_limit: "128KiB", log_over_limit: over } }) });

/** The lines of one output that the container wrote, and what crib says was dropped of it in bytes. */
function readOutput(lines: readonly LogLine[], stream: LogLine["stream"]): { numbers: number[]; dropped: number[] } {
  const [numbers, dropped]: [number[], number[]] = [[], []];
  for (const line of lines.filter((one) => one.stream === stream)) {
    equal(line.tag, "F", `"${line.text}" is a part of a line`);
    const said = /^crib: (\d+) bytes of output were dropped: the limit is 131072 bytes a second$/.exec(line.text);
    if (said) dropped.push(Number(said[1]));
    else if (/^\d{7}$/.test(line.text)) numbers.push(Number(line.text));
    else throw new Error(`nobody has said "${line.text}"`);
  }
  for (const [index, number] of numbers.entries())
    ok(number > (numbers[index - 1] ?? 0), `${number} comes after ${numbers[index - 1]}`);
  return { numbers, dropped };
}

/** Runs a container that is over its limit all the time beside one that says little, whose log must be whole. */
async function sayLittleBesideMuch(scene: ContainerNode): Promise<Container> {
  const pod = await scene.node.runPod();
  const much = await scene.runContainer(pod, { script: endless });
  await eventually(20_000, async () => ok((await much.log()).length > 1_000));
  const little = await scene.runContainer(pod, { script: "seq 1000001 1002000" });
  equal((await little.ended(30_000)).exitCode, 0);
  const { numbers, dropped } = await eventually(20_000, async () => {
    const read = readOutput(await little.log(), "stdout");
    ok(read.numbers.length + read.dropped.length >= 2_000);
    return read;
  });
  deepEqual([numbers.length, dropped], [2_000, []]);
  return much;
}

test(
  "a container over its log limit waits where it has to, loses nothing, and holds up no other",
  needsRoot,
  async (t) => {
    const scene = await startContainerNode(t, withLimit("block"));
    const pod = await scene.node.runPod();
    const count = 30_000;
    const clock = "read -r up _ </proc/uptime; echo $up >>/clock";
    const container = await scene.runContainer(pod, {
      script: `${clock}; ${numbering(count)}; ${clock}; until test -e /enough; do sleep 0.05; done`,
    });
    const clocks = await eventually(60_000, async () => {
      const times = (await container.sh("cat /clock")).trim().split("\n").map(Number);
      equal(times.length, 2);
      return times;
    });
    // By the container's own clock. One second's worth goes at once.
    const seconds = clocks[1]! - clocks[0]!;
    const bytes = 2 * count * lineBytes;
    t.diagnostic(`${bytes} bytes took their writer ${seconds} s`);
    ok(seconds >= (bytes - limit - 2 * aheadBytes) / limit, `only ${seconds} s`);
    await container.sh("touch /enough");
    equal((await container.ended(30_000)).exitCode, 0);
    const lines = await eventually(20_000, async () => {
      const read = await container.log();
      equal(read.length, 2 * count);
      return read;
    });
    for (const stream of ["stdout", "stderr"] as const) {
      const { numbers, dropped } = readOutput(lines, stream);
      deepEqual(
        [numbers.length, numbers[0], numbers.at(-1), dropped],
        [count, firstNumber, firstNumber + count - 1, []],
      );
    }
    const much = await sayLittleBesideMuch(scene);
    await much.stop(0);
    ok(
      (await much.log()).every(({ text }) => text === "much too much" || text === ""),
      "a line is torn",
    );
  },
);

test(
  "a container over its log limit loses whole lines, which are counted to the byte, and costs no other any",
  needsRoot,
  async (t) => {
    const scene = await startContainerNode(t, withLimit("drop"));
    const pod = await scene.node.runPod();
    const count = 150_000;
    const container = await scene.runContainer(pod, { script: numbering(count) });
    equal((await container.ended(60_000)).exitCode, 0);
    const read = await eventually(20_000, async () => {
      const lines = await container.log();
      const outputs = (["stdout", "stderr"] as const).map((stream) => readOutput(lines, stream));
      for (const { numbers, dropped } of outputs)
        equal(numbers.length * lineBytes + dropped.reduce((sum, bytes) => sum + bytes, 0), count * lineBytes);
      return outputs;
    });
    const [kept, told] = [read.map(({ numbers }) => numbers.length), read.map(({ dropped }) => dropped.length)];
    t.diagnostic(
      `of ${count} lines on each output ${kept.join(" and ")} are there, ${told.join(" and ")} tell of the others`,
    );
    // Both outputs share the limit, so that the first may leave the second nothing.
    ok(kept[0]! * lineBytes >= limit / 2, "the first second's worth is missing");
    ok(told.every((lines) => lines > 0));
    const much = await sayLittleBesideMuch(scene);
    await eventually(20_000, async () =>
      ok((await much.log()).filter(({ text }) => text.startsWith("crib: ")).length > 1),
    );
  },
);
