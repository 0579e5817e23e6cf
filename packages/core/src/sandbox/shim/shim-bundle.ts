import type { LinuxNamespace, RuntimeSpec } from "@crib/oci-spec";
import { formatSandbox, parseSandbox, type Sandbox } from "@crib/sandboxer";

import type { Shims } from "../../tasks/index.ts";
import { sandboxAnnotations } from "../podsandbox/spec-annotations.ts";

/** The file of a bundle that has crib's own description of the sandbox. */
export const sandboxFile = "sandbox.json";

/**
 * The specification of the bundle of a shim that makes the boundary itself. It has no process: shims read from it whose sandbox this is, and
 * the namespaces and the cgroup that exist for it.
 */
export function shimSandboxSpec(sandbox: Sandbox): RuntimeSpec {
  const { net, user } = sandbox.namespaces;
  const namespaces: LinuxNamespace[] = [
    ...(net === undefined ? [] : [{ type: "network" as const, path: net }]),
    ...(user === undefined ? [] : [{ type: "user" as const, path: user }]),
  ];
  return {
    ociVersion: "1.1.0",
    root: { path: "rootfs", readonly: true },
    hostname: sandbox.hostname,
    annotations: sandboxAnnotations(sandbox),
    linux: { cgroupsPath: sandbox.cgroupPath, namespaces },
  };
}

/** The files that a bundle has beside its specification. */
export function shimSandboxFiles(sandbox: Sandbox): Readonly<Record<string, string>> {
  return { [sandboxFile]: formatSandbox(sandbox) };
}

/** The sandbox of a bundle; undefined without one, or when it was never written whole. */
export async function readShimSandbox(shims: Pick<Shims, "file">, id: string): Promise<Sandbox | undefined> {
  const text = await shims.file(id, sandboxFile);
  if (text === undefined) return undefined;
  try {
    const sandbox = parseSandbox(text, `the bundle of "${id}"`);
    return sandbox.id === id ? sandbox : undefined;
  } catch {
    return undefined; // of another hand: what it would tell is found out otherwise
  }
}
