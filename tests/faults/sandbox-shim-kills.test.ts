import { deepEqual, equal, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { ContainerState } from "@crib/wire/cri";

import { eventually } from "../support/eventually.ts";
import { isRunning } from "../support/is-running.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { exampleShimHandler } from "../support/sandboxers/example-sandboxer.ts";
import { SandboxKillScene } from "./sandbox-kill-scene.ts";

/** What is done while calls are held at every point of every step that talks to a shim. */
interface Strike {
  readonly name: string;
  readonly run: (scene: SandboxKillScene) => Promise<void>;
  /** Whether the shims are killed, and pods with them. */
  readonly endsPods: boolean;
}

const strikes: readonly Strike[] = [
  {
    name: "the shims",
    async run(scene) {
      await killShims(scene.node);
      scene.letGo();
    },
    endsPods: true,
  },
  {
    name: "the daemon",
    async run(scene) {
      await scene.node.restart();
    },
    endsPods: false,
  },
  {
    name: "the daemon and the shims",
    async run(scene) {
      await scene.node.kill();
      await killShims(scene.node);
      await scene.node.restart();
    },
    endsPods: true,
  },
];

test("killed while calls are held in each step", needsRoot, async (t) => {
  const scene = await SandboxKillScene.start(t, "shim", { runtimes: { shim: exampleShimHandler } });
  for (const { name, run, endsPods } of strikes) {
    await t.test(name, async () => {
      try {
        await scene.hold();
        const places = shimsOf(scene.node).flatMap((shim) => shim.places);
        deepEqual(
          places.filter((path) => !existsSync(path)),
          [],
        );
        await run(scene);
        await (endsPods ? expectHostEnded(scene) : scene.expectWitness());
        await scene.converge({ podsEnd: endsPods });
        await scene.expectNothingLeft(() => [
          ...shimsOf(scene.node).map(({ pid }) => `shim ${pid}`),
          ...places.filter((path) => existsSync(path)),
        ]);
      } catch (reason) {
        await scene.clear();
        throw reason;
      }
    });
  }
});

/** Its pod has ended as well, and nothing of the container runs. */
async function expectHostEnded({ node, host, witness }: SandboxKillScene): Promise<void> {
  await eventually(30_000, async () => {
    equal((await node.list()).get(host.id), "NOTREADY");
    equal((await witness.status()).state, ContainerState.CONTAINER_EXITED);
    const left = (await node.leftovers()).filter((line) => line.includes(witness.id));
    deepEqual(left, []);
  });
}

async function killShims(node: Node): Promise<void> {
  const pids = shimsOf(node).map(({ pid }) => pid);
  ok(pids.length > 0, "no shim runs");
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await eventually(10_000, () => deepEqual(pids.filter(isRunning), []));
}

interface Shim {
  readonly pid: number;
  /** Its socket, and the directory in which it keeps what it knows. */
  readonly places: readonly string[];
}

/** By their arguments, of which the pod's id is this node's alone. */
function shimsOf({ instance }: Node): readonly Shim[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    const args = argumentsOf(pid);
    const valueOf = (flag: string): string => args[args.indexOf(flag) + 1] ?? "";
    const isOurs =
      args.some((arg) => /\/sandbox-shim\/(dist\/main\.js|main\.ts)$/.test(arg)) && valueOf("-id").endsWith(instance);
    if (!isOurs || args.at(-2) !== "serve") return [];
    const name = join(valueOf("-address"), valueOf("-namespace"), valueOf("-id"));
    const hash = createHash("sha256").update(name).digest("hex");
    return [{ pid: Number(pid), places: [`/run/containerd/s/${hash}`, `/run/cribexample/${hash.slice(0, 24)}`] }];
  });
}

function argumentsOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // it has ended meanwhile
  }
}
