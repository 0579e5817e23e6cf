import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";

import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/images/free-port.ts";
import type { Lane } from "../support/lane.ts";
import { runProgram } from "../support/run-program.ts";
import type { Crictl } from "./crictl.ts";

/** A pod that lives the story, and how it is shown where handlers differ. */
export interface StoryPod {
  readonly name: string;
  readonly handler: string;
  /** Of `linux.security_context.namespace_options`, by their numbers. */
  readonly namespaces: { readonly network: 0 | 2; readonly pid: 0 | 1 };
  readonly differences: StoryDifferences;
}

/** What a user of crictl sees that depends on who isolates the pod: `crictl inspectp` shows it, and nothing else does. */
export interface StoryDifferences {
  readonly controller: string;
  /** When a process holds the boundary. */
  readonly process: "always" | "where the PID namespace is shared";
  /** Whose files the IPC and UTS namespaces are; that of the network is always crib's. */
  readonly madeBy: "crib" | "controller";
}

interface InspectedPod {
  readonly status: { readonly state: string; readonly network: { readonly ip?: string } };
  readonly info: {
    readonly controller: string;
    readonly pid: number;
    readonly processStatus: string;
    readonly namespaces: Readonly<Record<string, string>>;
  };
}

interface InspectedContainer {
  readonly status: {
    readonly state: string;
    readonly exitCode?: number;
    readonly resources: { readonly linux: { readonly cpuShares: string } };
  };
}

interface Stats {
  readonly stats: readonly { readonly attributes: { readonly id: string } }[];
}

/** What the story is lived with. */
export interface StoryScene {
  readonly crictl: Crictl;
  readonly lane: Lane;
  /** Name of an image with a shell that a registry serves. */
  readonly image: string;
}

/** A pod with its container in the middle of the story. */
interface Living extends StoryScene {
  readonly pod: StoryPod;
  readonly podId: string;
  readonly id: string;
  /** Where the container listens. */
  readonly port: number;
}

/**
 * What a user does with a pod by crictl, from its start to its removal. Yields once, where the daemon is to be killed and started
 * again: everything before is tried with the daemon that made the pod, everything after with one that found it.
 */
export async function* crictlStory(scene: StoryScene, pod: StoryPod): AsyncGenerator<void, void> {
  const living = await begin(scene, pod);
  await runCommands(living);
  await runWithTerminal(living);
  await talk(living, "before");
  await forwardPort(living);
  await showUsage(living);
  await inspectPod(living);
  yield;
  await runCommands(living);
  await talk(living, "after");
  await forwardPort(living);
  await inspectPod(living);
  await changeLimits(living);
  await end(living);
}

/** Serves its input at a port, says what it is told, and ends as it says when it is told to. */
function script(port: number): string {
  return `trap 'exit 3' TERM; echo started; nc -ll -p ${port} -e cat & while read -r line; do echo got $line; done`;
}

async function begin(scene: StoryScene, pod: StoryPod): Promise<Living> {
  const { crictl, lane, image } = scene;
  const port = pod.namespaces.network === 2 ? await freePort() : 8080;
  const write = (name: string, content: object): string => {
    const file = join(lane.dir, `${pod.name}-${name}.json`);
    writeFileSync(file, JSON.stringify(content));
    return file;
  };
  const podFile = write("pod", {
    metadata: { name: pod.name, namespace: "default", uid: `uid-${pod.name}`, attempt: 0 },
    ...(pod.namespaces.network === 0 && { hostname: pod.name }),
    log_directory: join(lane.dir, "logs", pod.name),
    linux: { cgroup_parent: lane.cgroup, security_context: { namespace_options: pod.namespaces } },
  });
  const containerFile = write("container", {
    metadata: { name: "app", attempt: 0 },
    image: { image },
    command: ["sh", "-c", script(port)],
    log_path: "app.log",
    stdin: true,
    linux: { security_context: { namespace_options: pod.namespaces } },
  });
  const podId = (await crictl.text("runp", "--runtime", pod.handler, podFile)).trim();
  match(await crictl.text("pull", image), /sha256:/);
  const id = (await crictl.text("create", podId, containerFile, podFile)).trim();
  equal((await crictl.json<InspectedContainer>("inspect", id)).status.state, "CONTAINER_CREATED");
  await crictl.text("start", id);
  equal((await crictl.json<InspectedContainer>("inspect", id)).status.state, "CONTAINER_RUNNING");
  return { ...scene, pod, podId, id, port };
}

/** By ExecSync, and by a stream, with and without input. */
async function runCommands({ crictl, pod, id }: Living): Promise<void> {
  if (pod.namespaces.network === 0) equal((await crictl.text("exec", "-s", id, "hostname")).trimEnd(), pod.name);
  const first = await crictl.text("exec", "-s", id, "cat", "/proc/1/cmdline");
  // In a PID namespace that the pod shares, the first process is the pod's.
  equal(first.includes("echo started"), pod.namespaces.pid === 1);
  const ran = await crictl.run("exec", id, "sh", "-c", "echo out; echo err >&2");
  deepEqual(ran, { exitCode: 0, stdout: "out\n", stderr: "err\n" });
  const failed = await crictl.run("exec", id, "sh", "-c", "exit 7");
  notEqual(failed.exitCode, 0);
  match(failed.stderr, /\b7\b/);
  const piped = crictl.start("exec", "-i", id, "wc", "-c");
  try {
    piped.child.stdin?.end("x".repeat(70_000));
    await eventually(15_000, () => equal(piped.said(), "70000\n"));
  } finally {
    await piped.end();
  }
}

/** crictl asks for a terminal on its own side too: script(1) gives it one. */
async function runWithTerminal({ crictl, id }: Living): Promise<void> {
  const command = crictl.argv(
    "exec",
    "-i",
    "-t",
    id,
    "sh",
    "-c",
    "test -t 0 && test -t 2 && echo to a $TERM at $(tty)",
  );
  const quoted = command.map((word) => `'${word}'`).join(" ");
  const { stdout } = await runProgram(["script", "-qec", quoted, "/dev/null"]);
  match(stdout, /to a \w+ at \/dev\/pts\/\d+\r\n/);
}

/** Attaches, and follows the log meanwhile: both tell what the container says. */
async function talk({ crictl, id }: Living, word: string): Promise<void> {
  const follower = crictl.start("logs", "-f", id);
  const attached = crictl.start("attach", "-i", id);
  try {
    await eventually(15_000, () => match(follower.said(), /^started$/m));
    await eventually(15_000, () => {
      attached.child.stdin?.write(`${word}\n`);
      match(attached.said(), new RegExp(`^got ${word}$`, "m"));
    });
    await eventually(15_000, () => match(follower.said(), new RegExp(`^got ${word}$`, "m")));
  } finally {
    await Promise.all([attached.end(), follower.end()]);
  }
  match(await crictl.text("logs", "--tail", "1", "--timestamps", id), new RegExp(`^\\d{4}-\\S+ got ${word}\n$`));
}

async function forwardPort({ crictl, podId, port }: Living): Promise<void> {
  const local = await freePort();
  const forward = crictl.start("port-forward", podId, `${local}:${port}`);
  try {
    const answer = await eventually(15_000, async () => {
      const socket = connect({ host: "127.0.0.1", port: local });
      const said = buffer(socket);
      said.catch(() => {}); // it is tried again
      await once(socket, "connect");
      socket.end("hello");
      return (await said).toString();
    });
    equal(answer, "hello");
  } finally {
    await forward.end();
  }
}

async function showUsage({ crictl, podId, id }: Living): Promise<void> {
  interface Used extends Stats {
    readonly stats: readonly (Stats["stats"][number] & {
      readonly memory: { readonly workingSetBytes: { readonly value: string } };
    })[];
  }
  const { stats } = await crictl.json<Used>("stats", "--id", id);
  equal(stats[0]?.attributes.id, id);
  ok(Number(stats[0]?.memory.workingSetBytes.value) > 0);
  interface PodUsed extends Stats {
    readonly stats: readonly (Stats["stats"][number] & {
      readonly linux: {
        readonly memory: { readonly workingSetBytes: { readonly value: string } };
        readonly containers: readonly { readonly attributes: { readonly id: string } }[];
      };
    })[];
  }
  const [used] = (await crictl.json<PodUsed>("statsp", "--id", podId)).stats;
  equal(used?.attributes.id, podId);
  ok(Number(used?.linux.memory.workingSetBytes.value) > 0);
  deepEqual(
    used?.linux.containers.map(({ attributes }) => attributes.id),
    [id],
  );
}

async function inspectPod({ crictl, lane, pod, podId }: Living): Promise<void> {
  const { status, info } = await crictl.json<InspectedPod>("inspectp", podId);
  equal(status.state, "SANDBOX_READY");
  equal(status.network.ip?.startsWith(`${lane.prefix}.`) ?? false, pod.namespaces.network === 0);
  const { controller, process, madeBy } = pod.differences;
  const isHeld = process === "always" || pod.namespaces.pid === 0;
  deepEqual([info.controller, info.processStatus], [controller, isHeld ? "running" : "none"]);
  equal(info.pid !== 0, isHeld);
  const namespaces = Object.entries(info.namespaces).map(([kind, path]) => {
    return [kind, path.startsWith(join(lane.dir, "/")) ? "crib" : "controller"];
  });
  deepEqual(Object.fromEntries(namespaces), {
    ipc: madeBy,
    ...(pod.namespaces.network === 0 && { net: "crib", uts: madeBy }),
  });
}

async function changeLimits({ crictl, id }: Living): Promise<void> {
  await crictl.text("update", "--cpu-share", "512", id);
  equal((await crictl.json<InspectedContainer>("inspect", id)).status.resources.linux.cpuShares, "512");
}

async function end({ crictl, podId, id }: Living): Promise<void> {
  await crictl.text("stop", "--timeout", "10", id);
  const { status } = await crictl.json<InspectedContainer>("inspect", id);
  deepEqual([status.state, status.exitCode], ["CONTAINER_EXITED", 3]);
  match(await crictl.text("logs", id), /^started\n(got before\n)+(got after\n)+$/);
  await crictl.text("rm", id);
  notEqual((await crictl.run("inspect", id)).exitCode, 0);
  await crictl.text("stopp", podId);
  equal((await crictl.json<InspectedPod>("inspectp", podId)).status.state, "SANDBOX_NOTREADY");
  await crictl.text("rmp", podId);
  notEqual((await crictl.run("inspectp", podId)).exitCode, 0);
}
