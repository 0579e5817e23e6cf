import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

import { markerEnv } from "@crib/core/sandbox";
import {
  addToCgroup,
  createCgroup,
  killCgroup,
  lockFile,
  mountTmpfs,
  pinNamespaces,
  removeCgroup,
  umountTree,
} from "@crib/linux";
import { unpinNamespace } from "@crib/linux";

import type { LeakScene } from "./leak-scene.ts";

/** Puts one thing of the id on the host by hand; disposing of it takes it away. */
export type Plant = (scene: LeakScene, id: string) => Promise<AsyncDisposable>;

function undo(work: () => Promise<unknown> | void): AsyncDisposable {
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      await work();
    },
  };
}

/** A plant that only makes a file. */
async function file(path: string, text = ""): Promise<AsyncDisposable> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, text);
  return undo(() => rm(path, { force: true }));
}

async function directory(path: string): Promise<AsyncDisposable> {
  await mkdir(path, { recursive: true });
  return undo(() => rm(path, { recursive: true, force: true }));
}

/**
 * A process with a name and an environment of choice, until it is taken away. Sleeps unless a command is given; with
 * `says` it has started when it has printed that line.
 */
export async function sleeper(
  argv0: string,
  env: Readonly<Record<string, string>>,
  [program = "sleep", ...args]: readonly string[] = ["sleep", "120"],
  says?: string,
): Promise<ChildProcess & AsyncDisposable> {
  const child = spawn(program, args, {
    argv0,
    env: { PATH: "/usr/bin:/bin", ...env },
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
  await new Promise((resolve, reject) => {
    child.once(says === undefined ? "spawn" : "exit", resolve).once("error", reject);
    child.stdout.on("data", (chunk: Buffer) => says !== undefined && chunk.toString().includes(says) && resolve(says));
  });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  return Object.assign(child, {
    async [Symbol.asyncDispose](): Promise<void> {
      // Its own process group, made by `detached`: nothing else can be in it.
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
        process.kill(-child.pid, "SIGKILL");
      }
      child.stdout.destroy();
      await gone;
    },
  });
}

/** A socket that this process listens at. */
export async function listener(path: string): Promise<AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(path, resolve);
  });
  return undo(() => new Promise((resolve) => server.close(resolve)));
}

/** Path of the socket that a runc shim of this id would make. */
export function shimSocket({ config }: LeakScene, id: string): string {
  const key = join(config.state, "crib.sock", "k8s.io", id);
  return join(config.shimSocketDir, createHash("sha256").update(key).digest("hex"));
}

/** One plant for each counter; each makes what that counter counts, and nothing that another one does. */
export const plants: Readonly<Record<string, Plant>> = {
  netns: async ({ config }, id) => {
    const path = join(config.netnsDir, `crib-${id}`);
    pinNamespaces({ net: path });
    return undo(() => unpinNamespace(path));
  },
  veths: async (_, id) => {
    const name = `vt${randomBytes(4).toString("hex")}`;
    ip("link", "add", name, "type", "veth", "peer", "name", `p${name}`);
    ip("link", "set", name, "alias", `crib-${id}`);
    return undo(() => ip("link", "delete", name));
  },
  "ipam-leases": ({ ipamDir }, id) => file(join(ipamDir, "net", freshAddress()), `${id}\r\neth0`),
  "cni-cache": ({ config }, id) => file(join(config.root, "cni", "results", `net-${id}-eth0`), "{}"),
  rules: async (_, id) => {
    const chain = `CRIB-T-${randomBytes(4).toString("hex")}`;
    iptables("-N", chain);
    iptables("-A", chain, "-m", "comment", "--comment", `name: "net" id: "${id}"`, "-j", "RETURN");
    return undo(() => {
      iptables("-F", chain);
      iptables("-X", chain);
    });
  },
  mounts: async ({ config }, id) => {
    const path = join(config.state, "sandboxes", id, "shm");
    await mkdir(path, { recursive: true });
    mountTmpfs(path, { sizeBytes: 65_536, mode: 0o700 });
    return undo(() => umountTree(path));
  },
  cgroups: async (_, id) => {
    const path = `/crib-test-${id.slice(0, 8)}/crib-${id}`;
    await createCgroup(path);
    return undo(async () => {
      await removeCgroup(path);
      await removeCgroup(join(path, ".."));
    });
  },
  shims: ({ instance }, id) => sleeper("/usr/bin/containerd-shim-runc-v2", markerEnv(instance, id)),
  processes: async (_, id) => {
    const path = `/crib-test-${id.slice(0, 8)}/crib-${id}`;
    await createCgroup(path);
    const child = await sleeper("pause", {});
    await addToCgroup(path, child.pid ?? 0);
    return undo(async () => {
      await killCgroup(path, { timeoutMs: 5_000 });
      await child[Symbol.asyncDispose]();
      await removeCgroup(path);
      await removeCgroup(join(path, ".."));
    });
  },
  helpers: ({ instance }, id) => sleeper("/usr/lib/cni/bridge", markerEnv(instance, id)),
  sockets: ({ config }, id) => listener(join(config.state, `${id.slice(0, 12)}.sock`)),
  fifos: async ({ config }, id) => {
    const path = join(config.state, "io", `${id}-stdout`);
    await mkdir(join(path, ".."), { recursive: true });
    execFileSync("mkfifo", [path]);
    return undo(() => rm(path));
  },
  bundles: ({ config }, id) => directory(join(config.state, "tasks", id)),
  "runc-state": ({ runtimeRoot }, id) => directory(join(runtimeRoot, "k8s.io", id)),
  snapshots: async (scene) => {
    await scene.addImageRows({});
    return await directory(join(scene.config.root, "snapshots", "7"));
  },
  blobs: async (scene, id) => {
    await scene.addImageRows({});
    return await file(join(scene.config.root, "content", "blobs", "sha256", id), "x");
  },
  partials: ({ config }, id) => file(join(config.root, "content", "ingest", `sha256-${id}`), "x"),
  pulls: async (scene, id) => {
    const createdAt = new Date().toISOString();
    await scene.addImageRows({ pulls: [{ id, state: "pulling", createdAt, plan: { reference: "x" }, facts: {} }] });
    return undo(() => {});
  },
  images: async (scene, id) => {
    await scene.addImageRows({});
    return await directory(join(scene.config.root, "images", id));
  },
  rows: ({ config }, id) => directory(join(config.root, "sandboxes", id)),
  "open-fds": async ({ config }, id) => {
    // This process takes the daemon's part: it holds the lock, and a file of the pod.
    const lock = lockFile(join(config.root, "lock"));
    const path = join(config.root, "cni", `${id}.tmp`);
    await mkdir(join(path, ".."), { recursive: true });
    const fd = openSync(path, "w");
    return undo(() => {
      closeSync(fd);
      lock.release();
    });
  },
};

function ip(...args: readonly string[]): void {
  execFileSync("ip", args);
}

function iptables(...args: readonly string[]): void {
  execFileSync("iptables", ["-w", "5", "-t", "filter", ...args]);
}

let addresses = 1;
function freshAddress(): string {
  return `10.254.0.${addresses++}`;
}
