import { release } from "node:os";

import type { RuntimeHandler } from "@crib/core/sandbox";
import type { OfferedHandler } from "@crib/cri";

import { askProgram } from "./ask-program.ts";
import { ociRuntimeOf } from "./oci-runtime-of.ts";

/** Milliseconds that an OCI runtime may take to tell its features. */
const featuresMs = 5_000;

interface Features {
  readonly mountOptions?: readonly string[];
  readonly linux?: {
    readonly namespaces?: readonly string[];
    readonly mountExtensions?: { readonly idmap?: { readonly enabled?: boolean } };
  };
}

/**
 * What pods of a handler can have: as configured, else as the OCI runtime says (`runc features`), else nothing. Of the runtimes that a
 * sandboxer or a shim with boundaries of its own uses nothing is known from here.
 */
export async function describeHandler(handler: RuntimeHandler): Promise<OfferedHandler> {
  const binary = handler.controller === "podsandbox" ? ociRuntimeOf(handler) : undefined;
  const told = binary === undefined ? {} : await askFeatures(binary);
  const { features } = handler;
  return {
    handler,
    // mount_setattr(2) with AT_RECURSIVE came with Linux 5.12.
    recursiveReadOnlyMounts:
      features?.recursiveReadOnlyMounts ?? (kernelIsAtLeast(5, 12) && (told.mountOptions ?? []).includes("rro")),
    userNamespaces:
      features?.userNamespaces ??
      ((told.linux?.namespaces ?? []).includes("user") && told.linux?.mountExtensions?.idmap?.enabled === true),
  };
}

/** A runtime without the command, or without runc's answer to it, has none of the features. */
async function askFeatures(binary: string): Promise<Features> {
  try {
    const answer: unknown = JSON.parse(await askProgram(binary, "features", featuresMs));
    return typeof answer === "object" && answer !== null ? answer : {};
  } catch {
    return {};
  }
}

function kernelIsAtLeast(major: number, minor: number): boolean {
  const [, ownMajor = "0", ownMinor = "0"] = /^(\d+)\.(\d+)/.exec(release()) ?? [];
  return Number(ownMajor) > major || (Number(ownMajor) === major && Number(ownMinor) >= minor);
}
