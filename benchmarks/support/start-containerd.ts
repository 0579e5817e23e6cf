import { globSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { writePauseImage } from "./pause-image.ts";
import { runProgram } from "./run-program.ts";
import type { Scratch } from "./scratch.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

const pauseImage = "registry.k8s.io/pause:3.10";

/** Milliseconds for ctr to import the pause image. */
const importMs = 30_000;

/** The newest containerd that `scripts/fetch-shims` brought, with its shim; undefined when there is none. */
export function findContainerd(): { readonly binary: string; readonly ctr: string; readonly shim: string } | undefined {
  const tools = join(import.meta.dirname, "../../.tools");
  const binary = globSync(join(tools, "containerd/*/containerd")).toSorted().at(-1);
  if (binary === undefined) return undefined;
  const version = dirname(binary).split("/").at(-1) ?? "";
  return { binary, ctr: join(dirname(binary), "ctr"), shim: join(tools, "shims", version, "containerd-shim-runc-v2") };
}

/** How containerd is started. */
export interface ContainerdOptions {
  /** Whether a pull ends only when the disk has the image's files. Default false, as containerd's own. */
  readonly syncsImages?: boolean;
  /** Folder that says by `HOST/hosts.toml` where images come from. Default: containerd's own. */
  readonly certsDir?: string;
  /** See `ServerCommand`. Default false. */
  readonly detached?: boolean;
}

/** Starts containerd with folders and a socket of its own, on the network of the benchmark, and gives it a pause image. */
export async function startContainerd(
  scratch: Scratch,
  found: NonNullable<ReturnType<typeof findContainerd>>,
  options: ContainerdOptions = {},
): Promise<ServerProcess> {
  const home = join(scratch.dir, "containerd");
  const state = join(scratch.state, "containerd");
  mkdirSync(home);
  const socket = join(state, "containerd.sock");
  const config = join(home, "config.toml");
  const paths = { root: join(home, "root"), state, socket, cniConfDir: scratch.cniConfDir };
  writeFileSync(config, containerdConfig(paths, options));
  const server = await startServer({
    name: "containerd",
    argv: [found.binary, "--config", config, "--log-level", "warn"],
    socket,
    logFile: join(scratch.dir, "containerd.log"),
    env: { PATH: `${dirname(found.shim)}:${process.env["PATH"] ?? ""}` },
    detached: options.detached ?? false,
  });
  try {
    const archive = join(home, "pause.tar");
    await writePauseImage(archive, pauseImage);
    await runProgram(found.ctr, ["-a", socket, "-n", "k8s.io", "images", "import", archive], { timeoutMs: importMs });
  } catch (reason) {
    await server[Symbol.asyncDispose]();
    throw reason;
  }
  return server;
}

function containerdConfig(
  paths: { readonly root: string; readonly state: string; readonly socket: string; readonly cniConfDir: string },
  { syncsImages = false, certsDir }: ContainerdOptions,
): string {
  const registry =
    certsDir === undefined
      ? ""
      : `[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = ${JSON.stringify(certsDir)}\n`;
  return `version = 3
root = ${JSON.stringify(paths.root)}
state = ${JSON.stringify(paths.state)}
disabled_plugins = ["io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing", "io.containerd.nri.v1.nri"]
[grpc]
address = ${JSON.stringify(paths.socket)}
[ttrpc]
address = ${JSON.stringify(`${paths.socket}.ttrpc`)}
[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"
image_pull_with_sync_fs = ${syncsImages}
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = ${JSON.stringify(pauseImage)}
${registry}[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
conf_dir = ${JSON.stringify(paths.cniConfDir)}
bin_dirs = ["/opt/cni/bin", "/usr/lib/cni"]
`;
}
