import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";
import { execDirs } from "../support/containers/process-use.ts";
import { attachUrl, execUrl, runOverSpdy, untilSaid } from "../support/containers/streaming-calls.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";

const echo = 'while read -r line; do echo "got $line"; done; exec sleep 600';

for (const how of ["kill", "term"] as const) {
  test(`a restart of the daemon (${how}) ends sessions and leaves the container`, needsRoot, async (t) => {
    const scene = await startContainerNode(t);
    const { node } = scene;
    const pod = await node.runPod();
    const change = (config: object) => ({ ...config, stdin: true });
    const container = await scene.runContainer(pod, { script: echo, change });
    const attached = { stdin: new PassThrough(), stdout: new PassThrough() };
    const ran = { stdin: new PassThrough(), stdout: new PassThrough() };
    const first = runOverSpdy(await attachUrl(node, container, { stdin: true }), attached, t.signal);
    const cmd = ["sh", "-c", "echo here; exec sleep 4242"];
    const second = runOverSpdy(await execUrl(node, container, cmd, { stdin: true }), ran, t.signal);
    const over = Promise.allSettled([first, second]);
    const running = execSyncOf(container);
    attached.stdin.write("before\n");
    await Promise.all([untilSaid(attached.stdout, "got before\n"), untilSaid(ran.stdout, "here\n")]);
    await node[how]();
    const ends = await over;
    deepEqual(
      ends.map(({ status }) => status),
      ["rejected", "rejected"],
    );
    await rejects(running);
    await node.restart();
    // What nobody listens to any more is ended, and nothing of it is left.
    await eventually(10_000, () => deepEqual(execDirs(node, container.id), []));
    equal(await container.sh("pidof sleep || echo none"), "none\n");
    const after = { stdin: new PassThrough(), stdout: new PassThrough() };
    const leaving = new AbortController();
    const third = runOverSpdy(await attachUrl(node, container, { stdin: true }), after, leaving.signal);
    third.catch(() => {});
    after.stdin.write("after\n");
    match(await untilSaid(after.stdout, "got after\n"), /got after\n$/);
    leaving.abort();
    await eventually(10_000, async () =>
      deepEqual(
        (await container.log()).map(({ text }) => text),
        ["got before", "got after"],
      ),
    );
  });
}

/** A command that runs to its end, which it does not reach. */
function execSyncOf({
  execSync,
}: {
  readonly execSync: (cmd: readonly string[]) => Promise<unknown>;
}): Promise<unknown> {
  const running = execSync(["sleep", "4243"]);
  running.catch(() => {}); // its daemon is ended
  return running;
}
