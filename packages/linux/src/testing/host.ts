import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { hasCapability } from "../host/capabilities.ts";
import { umountTree } from "../mounts/umount-tree.ts";

/** For tests that make namespaces, mounts or cgroups. */
export const needsRoot: { readonly skip: false | string } = {
  skip: process.getuid?.() === 0 && hasCapability("CAP_SYS_ADMIN") ? false : "needs root with CAP_SYS_ADMIN",
};

/** A directory that goes with the test, mounts in it included. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "crib-linux-"));
  t.after(async () => {
    if (needsRoot.skip === false) await umountTree(directory);
    rmSync(directory, { recursive: true });
  });
  return directory;
}

/** The namespaces of the calling thread, to be compared before and after. */
export function ownNamespaces(): string[] {
  return ["net", "ipc", "uts", "user", "mnt"].map((kind) => readlinkSync(`/proc/thread-self/ns/${kind}`));
}

/** The number of descriptors that this process has open. */
export function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
