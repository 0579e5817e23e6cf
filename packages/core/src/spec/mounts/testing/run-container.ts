import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, globSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import type { RuntimeSpec } from "@crib/oci-spec";

import { containerDevices } from "../../devices/container-devices.ts";
import type { SpecInput } from "../../types.ts";
import { containerMounts } from "../container-mounts.ts";
import { needsRoot } from "./mount-scene.ts";

/** The OCI runtimes of the machine, and newer ones that were fetched. */
export const runtimes: readonly string[] = [
  ...["/usr/sbin/runc", "/usr/bin/runc"].filter((path) => existsSync(path)).slice(0, 1),
  ...globSync(join(import.meta.dirname, "../../../../../../.tools/runc/*/runc")).filter((path) => existsSync(path)),
];
const busybox = "/usr/bin/busybox";

/** A test that runs containers. */
export const needsRunc: { readonly skip: string | false } =
  needsRoot.skip === false && (runtimes.length === 0 || !existsSync(busybox))
    ? { skip: "needs runc and busybox" }
    : needsRoot;

const capabilities = ["CAP_SYS_ADMIN", "CAP_MKNOD", "CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER"];
const libraries = /(\/\S+) \(0x/g;

/** A directory with a shell and what it needs. */
export function makeRootfs(root: string): void {
  const linked = execFileSync("ldd", [busybox], { encoding: "utf8" });
  for (const path of [busybox, ...[...linked.matchAll(libraries)].map(([, library = ""]) => library)]) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    copyFileSync(path, join(root, path));
  }
  for (const name of ["tmp", "bin"]) mkdirSync(join(root, name));
  for (const name of ["sh", "cat", "ls", "mount", "touch", "mknod", "sleep", "mkdir", "grep", "stat", "id"]) {
    execFileSync("ln", ["-s", busybox, join(root, "bin", name)]);
  }
  execFileSync("chmod", ["-R", "go+rX", root]);
}

/** What a container said and how it ended. */
export interface RunResult {
  readonly code: number | null;
  readonly output: string;
}

/**
 * Runs a shell script in a container with the mounts and devices of `input`, and all privileges that do not come from these. Its root
 * file system is made when it is not there. `meanwhile` runs as soon as the script has written something.
 */
export async function runContainer(
  runtime: string,
  input: SpecInput,
  script: string,
  meanwhile: () => void = () => {},
): Promise<RunResult> {
  const id = `crib-mounts-${randomBytes(4).toString("hex")}`;
  const bundle = join(dirname(input.rootfs), id);
  if (!existsSync(input.rootfs)) makeRootfs(input.rootfs);
  mkdirSync(bundle);
  writeFileSync(join(bundle, "config.json"), JSON.stringify(await specOf(id, input, script)));
  const state = join(bundle, "state");
  const child = spawn(runtime, ["--root", state, "run", "--bundle", bundle, id], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const take = (chunk: Buffer): void => {
    if (output === "") meanwhile();
    output += chunk.toString();
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  if (code !== 0) execFileSync(runtime, ["--root", state, "delete", "--force", id], { stdio: "ignore" });
  return { code, output };
}

async function specOf(id: string, input: SpecInput, script: string): Promise<RuntimeSpec> {
  const [{ mounts, rootfsPropagation }, { devices, rules }] = await Promise.all([
    containerMounts(input),
    containerDevices(input),
  ]);
  const sets = ["bounding", "effective", "permitted"].map((name) => [name, capabilities]);
  const userns = input.sandbox.plan.userNamespace;
  const mappings = (ranges: NonNullable<typeof userns>["uids"]) =>
    ranges.map(({ containerId, hostId, length }) => ({ containerID: containerId, hostID: hostId, size: length }));
  return {
    ociVersion: "1.0.2",
    root: { path: input.rootfs, readonly: input.plan.security.readonlyRootfs },
    process: {
      user: { uid: 0, gid: 0 },
      args: ["/bin/sh", "-c", script],
      env: ["PATH=/bin"],
      cwd: "/",
      capabilities: Object.fromEntries(sets),
    },
    mounts,
    linux: {
      namespaces: [
        { type: "mount" },
        { type: "pid" },
        { type: "ipc" },
        { type: "network" },
        ...(userns === undefined ? [] : [{ type: "user" } as const]),
      ],
      ...(userns === undefined ? {} : { uidMappings: mappings(userns.uids), gidMappings: mappings(userns.gids) }),
      cgroupsPath: `/${id}`,
      devices,
      resources: { devices: rules },
      ...(rootfsPropagation === undefined ? {} : { rootfsPropagation }),
    },
  };
}
