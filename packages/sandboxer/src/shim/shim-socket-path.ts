import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";

/** Where containerd's shims have their sockets. */
const defaultSocketDir = "/run/containerd/s";

/** The annotations by which a bundle says whose shim serves it too, in the order in which containerd's runc shim looks at them. */
const groupAnnotations = ["io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"] as const;

/** What tells a pod from all others of the host. */
export interface PodKey {
  /** The daemon's address. */
  readonly address: string;
  /** containerd namespace. */
  readonly namespace: string;
  readonly groupId: string;
}

/** The socket of a shim: its daemon knows it by the same rule before it is started. */
export function shimSocketPath(key: PodKey, socketDir: string = defaultSocketDir): string {
  return join(socketDir, hashOf(key));
}

/** The state directory of a pod. */
export function shimStateDir(key: PodKey, parent: string): string {
  return join(parent, hashOf(key).slice(0, 24));
}

function hashOf({ address, namespace, groupId }: PodKey): string {
  return createHash("sha256")
    .update(join(address, namespace, groupId))
    .digest("hex");
}

/** The id of the pod that a bundle belongs to; its own without a specification, as a sandbox may have none. */
export async function groupOfBundle(bundle: string, id: string): Promise<string> {
  const file = join(bundle, "config.json");
  try {
    const { annotations } = JSON.parse(await readFile(file, "utf8")) as {
      readonly annotations?: Readonly<Record<string, string>>;
    };
    return groupAnnotations.map((name) => annotations?.[name]).find((group) => group !== undefined) ?? id;
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return id;
    throw StatusError.from(reason, `reading "${file}"`);
  }
}
