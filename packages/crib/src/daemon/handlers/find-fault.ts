import { stat } from "node:fs/promises";

import type { RuntimeHandler } from "@crib/core/sandbox";
import { findRuntimeBinary, packRuntimeOptions } from "@crib/core/tasks";
import { StatusError } from "@crib/errdefs";

import { findProgram } from "../find-program.ts";
import { hasShim } from "./has-shim.ts";
import { ociRuntimeOf } from "./oci-runtime-of.ts";
import { ageOfRuntime } from "./old-runtime.ts";

/**
 * Why no pod can run with a handler as it is configured, naming what has to be changed; undefined when nothing stands in the way as
 * far as can be seen from here. `controllers`: the names of those there are.
 */
export async function findFault(handler: RuntimeHandler, controllers: readonly string[]): Promise<string | undefined> {
  if (!controllers.includes(handler.controller)) {
    const known = controllers.map((name) => `"${name}"`).join(", ");
    return `no controller named "${handler.controller}"; there is ${known}`;
  }
  const misplaced = pathsFault(handler);
  if (misplaced !== undefined) return misplaced;
  return (hasShim(handler) ? await shimFault(handler) : undefined) ?? (await cniFault(handler));
}

/** What is not right with a handler that pods can run with: its OCI runtime is older than the fix of a known vulnerability. */
export async function findWarning(handler: RuntimeHandler): Promise<string | undefined> {
  const runtime = hasShim(handler) ? ociRuntimeOf(handler) : undefined;
  const path = runtime === undefined ? undefined : findProgram(runtime);
  const age = path === undefined ? undefined : await ageOfRuntime(path);
  return age?.kind === "old" ? age.reason : undefined;
}

/** An OCI runtime of this host would take `/proc/0/ns/...` for what it says. */
function pathsFault(handler: RuntimeHandler): string | undefined {
  if (handler.namespacePaths !== "proc") return undefined;
  if (handler.controller !== "shim") return `namespace_paths = "proc" is for controller = "shim", and for sandboxers`;
  const runtime = ociRuntimeOf(handler);
  if (runtime === undefined) return undefined;
  return `namespace_paths = "proc" is for shims that put in paths of their own; this one runs "${runtime}"`;
}

async function shimFault(handler: RuntimeHandler): Promise<string | undefined> {
  try {
    packRuntimeOptions(handler.runtimeType, handler.options);
    await findRuntimeBinary(handler, { path: process.env["PATH"] ?? "" });
  } catch (reason) {
    return StatusError.from(reason).message;
  }
  const runtime = ociRuntimeOf(handler);
  if (runtime === undefined) return undefined;
  const path = findProgram(runtime);
  if (path === undefined) return `its OCI runtime "${runtime}" is not installed`;
  if (handler.oldRuntime !== "refuse") return undefined;
  const age = await ageOfRuntime(path);
  return age.kind === "fixed" ? undefined : `${age.reason} (old_runtime = "refuse")`;
}

/** The default directory is judged by the network's own condition: it may well be filled later. */
async function cniFault({ cniConfDir }: RuntimeHandler): Promise<string | undefined> {
  if (cniConfDir === "") return undefined;
  try {
    return (await stat(cniConfDir)).isDirectory() ? undefined : `cni_conf_dir "${cniConfDir}" is not a directory`;
  } catch (reason) {
    return StatusError.from(reason, `cni_conf_dir "${cniConfDir}"`).message;
  }
}
