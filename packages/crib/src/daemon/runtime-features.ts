import { execFile } from "node:child_process";
import { release } from "node:os";
import { promisify } from "node:util";

import type { RuntimeHandler } from "@crib/core/sandbox";
import { isRuncRuntime } from "@crib/core/tasks";
import type { OfferedHandler } from "@crib/cri";

const run = promisify(execFile);

/** Milliseconds that an OCI runtime may take to tell its features. */
const featuresMs = 5_000;

interface Features {
  readonly mountOptions?: readonly string[];
  readonly linux?: {
    readonly namespaces?: readonly string[];
    readonly mountExtensions?: { readonly idmap?: { readonly enabled?: boolean } };
  };
}

/** Asks the OCI runtime of each handler (`runc features`) what pods of that handler can have. */
export async function describeHandlers(handlers: readonly RuntimeHandler[]): Promise<readonly OfferedHandler[]> {
  return await Promise.all(handlers.map(describeHandler));
}

async function describeHandler(handler: RuntimeHandler): Promise<OfferedHandler> {
  const named = handler.options["BinaryName"];
  const own = typeof named === "string" && named !== "" ? named : undefined;
  // What another shim runs containers with is not known from here, and what runc can says nothing of it.
  const binary = own ?? (isRuncRuntime(handler.runtimeType) ? "runc" : undefined);
  const features = binary === undefined ? {} : await askFeatures(binary);
  return {
    handler,
    // mount_setattr(2) with AT_RECURSIVE came with Linux 5.12.
    recursiveReadOnlyMounts: kernelIsAtLeast(5, 12) && (features.mountOptions ?? []).includes("rro"),
    userNamespaces:
      (features.linux?.namespaces ?? []).includes("user") && features.linux?.mountExtensions?.idmap?.enabled === true,
  };
}

/** A runtime without the command, or without runc's answer to it, has none of the features. */
async function askFeatures(binary: string): Promise<Features> {
  try {
    const { stdout } = await run(binary, ["features"], { timeout: featuresMs, maxBuffer: 1024 * 1024 });
    const answer: unknown = JSON.parse(stdout);
    return typeof answer === "object" && answer !== null ? answer : {};
  } catch {
    return {};
  }
}

function kernelIsAtLeast(major: number, minor: number): boolean {
  const [, ownMajor = "0", ownMinor = "0"] = /^(\d+)\.(\d+)/.exec(release()) ?? [];
  return Number(ownMajor) > major || (Number(ownMajor) === major && Number(ownMinor) >= minor);
}
