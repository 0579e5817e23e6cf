import { equal, ok } from "node:assert/strict";
import { readFileSync, renameSync, statSync } from "node:fs";

import { pause } from "../eventually.ts";
import type { Node } from "../node.ts";
import { type Container, type LogLine, parseLog } from "./container.ts";

/** How a log was moved away again and again. */
export interface LogRotations {
  readonly seconds: number;
  /** Lines of each output. */
  readonly lines: number;
}

/** Numbers on both outputs, from 1 on, without a pause, until `/enough` is there; then `end` on both. */
export const countingScript = `i=0
until test -e /enough; do
  last=$((i+100))
  while test $i -lt $last; do
    i=$((i+1))
    echo $i
    echo $i >&2
  done
done
echo end
echo end >&2`;

/** Milliseconds that a container may be without a turn, on a busy machine. */
const lineMs = 30_000;

/**
 * Moves the log of a container that runs `countingScript` away `count` times, each time after something was written since the last, as
 * the kubelet does: every ReopenContainerLog must succeed. Then has the container end. All files together hold every line once, in order.
 */
export async function rotateLog(node: Node, container: Container, count: number): Promise<LogRotations> {
  const { logPath } = await container.status();
  const moved: string[] = [];
  const began = performance.now();
  for (let time = 0; time < count; time++) {
    await untilWritten(logPath);
    const name = `${logPath}.${time}`;
    renameSync(logPath, name);
    moved.push(name);
    await node.cri.runtime.reopenContainerLog({ containerId: container.id });
  }
  const seconds = (performance.now() - began) / 1_000;
  await untilWritten(logPath);
  // The container may end, and this command with it, before it has left.
  const { exitCode: touched } = await container.execSync(["touch", "/enough"]);
  ok(touched === 0 || touched === 137, `"touch /enough" left with ${touched}`);
  equal((await container.ended(60_000)).exitCode, 0);
  const lines = [...moved, logPath].flatMap((path) => parseLog(readFileSync(path, "utf8")));
  const [out, err] = (["stdout", "stderr"] as const).map((stream) => expectCounted(lines, stream));
  equal(out, err);
  return { seconds, lines: out ?? 0 };
}

async function untilWritten(path: string): Promise<void> {
  const end = performance.now() + lineMs;
  while (statSync(path).size === 0) {
    ok(performance.now() < end, `nothing is written to "${path}"`);
    await pause(1);
  }
}

/** Fails unless an output counts from 1 to its end, each number once. Gives the last. */
function expectCounted(lines: readonly LogLine[], stream: LogLine["stream"]): number {
  let [last, begun] = [0, ""];
  let isOver = false;
  for (const { tag, text } of lines.filter((line) => line.stream === stream)) {
    begun += text;
    // A line whose rest came after the file was moved.
    if (tag === "P") continue;
    ok(!isOver, `${stream}: "${begun}" comes after the end`);
    isOver = begun === "end";
    if (!isOver) equal(begun, `${++last}`, stream);
    begun = "";
  }
  equal([isOver, begun].join(), "true,", `${stream}: the end is missing`);
  return last;
}
