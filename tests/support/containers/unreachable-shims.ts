import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { existsSync, lstatSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";

import { NamespaceMode } from "@crib/wire/cri";

import type { TarEntry } from "../images/tar-archive.ts";
import type { PodOptions } from "../node.ts";
import { securityContext } from "../pod-config.ts";
import type { Pod } from "../pod.ts";
import { runProgram } from "../run-program.ts";
import { busyboxWith } from "./busybox-with.ts";
import { connectProgram } from "./connect-program.ts";
import type { ContainerNode } from "./container-node.ts";

/** ENOENT and ECONNREFUSED, errno(3). */
const noSuchFile = 2;
const refused = 111;

/**
 * Runs so many pods, most of them in the host's network, each with a container, and fails unless the sockets of all their shims are
 * root's alone: not for another user of the host, and not for a container in the host's network, by path or by abstract name.
 */
export async function expectUnreachableShims(scene: ContainerNode, count: number): Promise<void> {
  const { node } = scene;
  const onHost: PodOptions["change"] = (config) => ({
    ...config,
    linux: { ...config.linux, securityContext: securityContext({ network: NamespaceMode.NODE }) },
  });
  const pods = await Promise.all([
    node.runPod({ change: onHost }),
    node.runPod({ handler: "paused", change: onHost }),
    ...Array.from({ length: count - 2 }, () => node.runPod()),
  ]);
  await Promise.all(pods.map((pod) => scene.runContainer(pod)));
  const sockets = pods.map(({ id }) => {
    const text = readFileSync(join(node.state, "tasks", id, "bootstrap.json"), "utf8");
    return (JSON.parse(text) as { readonly address: string }).address.replace(/^unix:\/\//, "");
  });
  equal(new Set(sockets).size, pods.length, "a shim for each pod");
  for (const path of sockets) await expectRootsAlone(path);
  const others = [node.socket, join(node.state, "events.sock")];
  for (const pod of pods.slice(0, 2)) await expectOutOfReach(scene, pod, [...sockets, ...others]);
  await Promise.all(pods.map((pod) => pod.remove()));
  for (const path of sockets) ok(!existsSync(path), path);
}

/** By its modes, and by trying. */
async function expectRootsAlone(path: string): Promise<void> {
  ok(path.startsWith("/"), path);
  equal(lstatSync(path).mode & 0o7777, 0o600, path);
  equal(statSync(dirname(path)).mode & 0o077, 0, dirname(path));
  const connecting = `require("node:net").createConnection(${JSON.stringify(path)}, () => process.exit(0)).on("error", () => process.exit(1))`;
  const connect = [process.execPath, "-e", connecting] as const;
  await rejects(runProgram(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...connect]));
  // The same program as root, so that the failure means something.
  await runProgram(connect);
}

/** Fails unless root in a container of the pod, which is in the host's network, can connect to none of these. */
async function expectOutOfReach(scene: ContainerNode, pod: Pod, sockets: readonly string[]): Promise<void> {
  const dir = join(scene.node.lane.dir, `probe-${pod.id}`.slice(0, 20));
  mkdirSync(dir);
  const abstract = `\0probe-${pod.id}`;
  await using _given = await listen(join(dir, "socket"));
  await using _abstract = await listen(abstract);
  // That these can be reached shows that the others could be, too.
  const reachable = ["/given/socket", abstract];
  const out = sockets.flatMap((path) => [path, `\0${path}`]);
  const programs = [...reachable, ...out].map((name, index): TarEntry => ({
    name: `connect/${index}`,
    mode: 0o755,
    content: connectProgram(name),
  }));
  const container = await scene.runContainer(pod, {
    image: await scene.pull(busyboxWith(programs)),
    change: (config) => ({ ...config, mounts: [{ hostPath: dir, containerPath: "/given" }] }),
  });
  const tryAll = `i=0; while [ $i -lt ${programs.length} ]; do /connect/$i; echo $?; i=$((i+1)); done`;
  const errnos = (await container.sh(tryAll)).trim().split("\n").map(Number);
  deepEqual(errnos, [0, 0, ...sockets.flatMap(() => [noSuchFile, refused])]);
  const names = (await container.sh("cat /proc/net/unix")).split("\n").map((line) => line.split(/\s+/)[7] ?? "");
  ok(names.includes(abstract.replace("\0", "@")), "the host's network shows the host's sockets");
  deepEqual(
    names.filter((name) => name.startsWith("@") && /containerd|crib|shim/.test(name)),
    [],
  );
}

async function listen(name: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).listen(name);
  await once(server, "listening");
  return server;
}
