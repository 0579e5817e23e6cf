import { createHash } from "node:crypto";

import type { SpecInput } from "../types.ts";

/** The labels of a container's process and of its files. */
export interface SelinuxLabels {
  readonly process: string;
  readonly mount: string;
}

/**
 * The SELinux labels of a container; undefined where the host has none, and for privileged containers. Each part that the
 * container does not name is the pod's, else that of ordinary containers; a pod without a level gets two categories that derive
 * from its id, so that its containers share files and other pods cannot.
 */
export function selinuxLabels(input: Pick<SpecInput, "plan" | "sandbox" | "features">): SelinuxLabels | undefined {
  const { security } = input.plan;
  if (!input.features.selinux || security.privileged) return undefined;
  const part = (name: "user" | "role" | "type" | "level", otherwise: string): string =>
    security.selinux?.[name] || input.sandbox.plan.security.selinux?.[name] || otherwise;
  const user = part("user", "system_u");
  const level = part("level", levelOf(input.sandbox.id));
  return {
    process: [user, part("role", "system_r"), part("type", "container_t"), level].join(":"),
    mount: ["system_u", "object_r", "container_file_t", level].join(":"),
  };
}

function levelOf(sandboxId: string): string {
  const hash = createHash("sha256").update(sandboxId).digest();
  const first = hash.readUInt16LE(0) % 1024;
  // Two different ones: a single category would let any pod that has it too read this one's files.
  const second = (first + 1 + (hash.readUInt16LE(2) % 1023)) % 1024;
  return `s0:c${Math.min(first, second)},c${Math.max(first, second)}`;
}
