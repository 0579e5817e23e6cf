import { deepEqual, equal, ok } from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { eventually } from "../support/eventually.ts";
import type { Lane } from "../support/lane.ts";
import { needsRoot } from "../support/needs-root.ts";
import { bridgePlugin, networkList, pluginNotesDir, portmapPlugin } from "../support/network-config.ts";
import type { Node } from "../support/node.ts";
import { startNode } from "../support/start-node.ts";

/** Milliseconds after the restart within which nothing of the half-made pod may be left. */
const cleanMs = 30_000;

/** Asks for a pod, and kills the daemon once a helper of it stands still at the place that this note tells of. */
async function killWhenNoted(
  node: Node,
  note: string,
  request: Parameters<Node["cri"]["runtime"]["runPodSandbox"]>[0],
): Promise<void> {
  const path = join(pluginNotesDir(node.lane), note);
  const call = node.cri.runtime.runPodSandbox(request).then(
    () => "it ran",
    () => "lost",
  );
  await eventually(20_000, () => ok(existsSync(path), `nothing has come to ${note}`));
  await node.kill();
  equal(await call, "lost");
}

async function nothingIsLeft(node: Node): Promise<void> {
  await eventually(cleanMs, async () => deepEqual(await node.leftovers(), []));
  deepEqual(await node.leaks(), []);
  equal((await node.list()).size, 0);
}

for (const handler of ["runc", "paused"]) {
  for (const verb of ["ADD", "DEL"] as const) {
    test(
      `the daemon is killed while the ${verb} of a plugin has done its work but not answered (${handler})`,
      needsRoot,
      async (t) => {
        const node = await startNode(t, {
          plugins: (lane) => [
            bridgePlugin(lane, {
              type: "answers-late",
              lateVerb: verb,
              lateSeconds: "600",
              notes: pluginNotesDir(lane),
            }),
            portmapPlugin,
          ],
        });
        const request = { config: node.podConfig(), runtimeHandler: handler };
        const heal = (): void => writeFileSync(join(pluginNotesDir(node.lane), "well"), "");
        if (verb === "ADD") {
          await killWhenNoted(node, "late-ADD", request);
          const held = (await node.leftovers()).map((line) => line.split(":")[0]);
          ok(held.includes("ipam") && held.includes("process"), `an address and the plugin are there: ${held.join()}`);
          heal();
          await node.restart();
          await nothingIsLeft(node);
        } else {
          const pod = await node.runPod({ change: () => request.config, handler });
          const stop = pod.stop().catch(() => {});
          await eventually(20_000, () => ok(existsSync(join(pluginNotesDir(node.lane), "late-DEL"))));
          await node.kill();
          await stop;
          heal();
          await node.restart();
          await eventually(cleanMs, async () => equal((await pod.info()).netNamespaceClosed, true));
          await pod.remove();
          await nothingIsLeft(node);
        }
        const { podSandboxId } = await node.cri.runtime.runPodSandbox(request);
        ok((await node.pod(podSandboxId, request.config).address()).startsWith(node.lane.prefix));
      },
    );
  }
}

test("the retry of a request whose plugin still sleeps gets a new pod at once", needsRoot, async (t) => {
  const node = await startNode(t, {
    plugins: (lane) => [
      bridgePlugin(lane, { type: "answers-late", lateVerb: "ADD", lateSeconds: "600", notes: pluginNotesDir(lane) }),
    ],
  });
  const request = { config: node.podConfig() };
  await killWhenNoted(node, "late-ADD", request);
  writeFileSync(join(node.cniConfDir, "10-pods.conflist"), networkList(node.lane, [bridgePlugin(node.lane)]));
  await node.restart();
  const { podSandboxId } = await node.cri.runtime.runPodSandbox(request);
  deepEqual([...(await node.list())], [[podSandboxId, "READY"]]);
  equal(
    (await node.leftovers()).some((line) => line.includes("sleep 600")),
    false,
    "the sleeping plugin is ended",
  );
});

test(
  "a child in a session of its own, which a plugin had started, is ended after the daemon was killed",
  needsRoot,
  async (t) => {
    const node = await startNode(t, {
      plugins: (lane) => [{ type: "leaves-child", after: "hang", notes: pluginNotesDir(lane) }],
    });
    const request = { config: node.podConfig() };
    await killWhenNoted(node, "child", request);
    ok((await node.leftovers()).some((line) => line.includes("sleep 1000")));
    writeFileSync(join(node.cniConfDir, "10-pods.conflist"), networkList(node.lane, [bridgePlugin(node.lane)]));
    await node.restart();
    await nothingIsLeft(node);
    await node.cri.runtime.runPodSandbox(request);
  },
);

/**
 * A shim that stands still in `start`, before it forks what serves or after it, until the notes say "well". Written for
 * each lane, since a shim is told nothing by which it could find its notes.
 */
function writeSlowShim(lane: Lane, when: "before" | "after"): string {
  const path = join(lane.dir, "containerd-shim-slow-runc-v2");
  const notes = pluginNotesDir(lane);
  const wait = `: >"${notes}/shim-${when}"; sleep 600`;
  const script = `#!/bin/sh
for last; do :; done
real=/usr/bin/containerd-shim-runc-v2
[ "$last" = start ] && [ ! -e "${notes}/well" ] || exec "$real" "$@"
${when === "before" ? wait : ""}
answer=$("$real" "$@") || exit
${when === "after" ? wait : ""}
printf %s "$answer"
`;
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

const hasShim = existsSync("/usr/bin/containerd-shim-runc-v2") ? needsRoot : { skip: "no shim is installed" };

for (const when of ["before", "after"] as const) {
  test(`the daemon is killed in the start of a shim, ${when} that has forked what serves`, hasShim, async (t) => {
    const node = await startNode(t, {
      config: (lane) => ({
        runtimes: { slow: { pause: "always", runtime_path: writeSlowShim(lane, when) } },
      }),
    });
    const request = { config: node.podConfig(), runtimeHandler: "slow" };
    await killWhenNoted(node, `shim-${when}`, request);
    const shims = (await node.leftovers()).filter((line) => /process: \d+ \S*containerd-shim-runc-v2/.test(line));
    equal(shims.length, when === "after" ? 1 : 0, "what serves is there, or not yet");
    writeFileSync(join(pluginNotesDir(node.lane), "well"), "");
    await node.restart();
    await nothingIsLeft(node);
    const { podSandboxId } = await node.cri.runtime.runPodSandbox(request);
    equal((await node.pod(podSandboxId, request.config).info()).processStatus, "running");
  });

  test(
    `a shim that hangs in its start, ${when} that has forked what serves, is ended within the step's budget`,
    hasShim,
    async (t) => {
      const node = await startNode(t, {
        config: (lane) => ({
          runtimes: { slow: { pause: "always", runtime_path: writeSlowShim(lane, when) } },
          flow: { budgets: { "sandbox.create": "6s" } },
        }),
      });
      const request = { config: node.podConfig(), runtimeHandler: "slow" };
      const failed = await node.cri.runtime.runPodSandbox(request).then(
        () => "it ran",
        (reason: Error) => reason.message,
      );
      ok(/budget|killed|deadline/i.test(failed), failed);
      await nothingIsLeft(node);
      writeFileSync(join(pluginNotesDir(node.lane), "well"), "");
      await node.cri.runtime.runPodSandbox(request);
    },
  );
}
