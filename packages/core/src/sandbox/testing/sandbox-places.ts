import { randomBytes } from "node:crypto";
import { access, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { createCgroup, killCgroup, pinNamespaces, readMounts, removeCgroup, unpinNamespace } from "@crib/linux";
import type { NamespacePaths, Sandbox } from "@crib/sandboxer";
import { testSandbox } from "@crib/sandboxer/testing";

/**
 * What sandboxes of one fixture find on the host before their controller is asked: directories below `dir`, cgroups below
 * `cgroup`, pinned namespaces. Disposing of it removes the directory and the cgroup, when all that uses them has gone.
 */
export class SandboxPlaces implements AsyncDisposable {
  readonly dir: string;
  readonly cgroup: string;
  readonly #sandboxes: Sandbox[] = [];
  readonly #pins: string[] = [];

  /** The name of the cgroup begins with `prefix`. */
  constructor(dir: string, prefix: string) {
    this.dir = dir;
    this.cgroup = `/${prefix}-${randomBytes(4).toString("hex")}`;
  }

  /** A sandbox with a directory and a cgroup of its own. What `furnish` puts into the directory may change it. */
  async add(furnish: (stateDir: string) => Promise<Partial<Sandbox>> | Partial<Sandbox>): Promise<Sandbox> {
    const id = randomBytes(32).toString("hex");
    const stateDir = join(this.dir, "sandboxes", id);
    await mkdir(join(stateDir, "ns"), { recursive: true });
    const change = await furnish(stateDir);
    const cgroupPath = `${this.cgroup}/crib-${id}`;
    await createCgroup(cgroupPath);
    const sandbox = testSandbox({ id, stateDir, cgroupPath, ...change });
    this.#sandboxes.push(sandbox);
    return sandbox;
  }

  /** A network namespace in the directory of a sandbox. */
  pinNetwork(stateDir: string): NamespacePaths {
    const paths = { net: join(stateDir, "ns/net") };
    this.willPin(paths);
    pinNamespaces(paths);
    return paths;
  }

  /** To be told before namespaces are pinned, so that what was pinned by half goes as well. */
  willPin(paths: NamespacePaths): void {
    this.#pins.push(...Object.values(paths));
  }

  /** Those of `paths` that exist, and mounts that name the sandbox, but the namespaces that were pinned for it. */
  async leftovers({ id }: Sandbox, paths: readonly string[]): Promise<readonly string[]> {
    const left: string[] = [];
    for (const path of paths) if (await exists(path)) left.push(path);
    const pins = new Set(this.#pins);
    for (const { mountPoint } of await readMounts()) {
      if (mountPoint.includes(id) && !pins.has(mountPoint)) left.push(`mount ${mountPoint}`);
    }
    return left;
  }

  /** Shuts down and kills whatever sandboxes there are, then unpins. Each is done even when those before it fail. */
  async endSandboxes(shutdown: (id: string, signal: AbortSignal) => Promise<void>): Promise<void> {
    await using left = new AsyncDisposableStack(); // the last in the list comes first
    for (const path of this.#pins) left.defer(() => unpinNamespace(path));
    for (const { id, cgroupPath } of this.#sandboxes) {
      left.defer(() => killCgroup(cgroupPath, { timeoutMs: 60_000 }));
      left.defer(() => shutdown(id, AbortSignal.timeout(120_000)));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using left = new AsyncDisposableStack();
    left.defer(() => rm(this.dir, { recursive: true, force: true }));
    left.defer(() => removeCgroup(this.cgroup, { timeoutMs: 60_000 }));
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
