import type { Shims } from "../../tasks/index.ts";
import { podCgroupOf } from "./cgroups-path.ts";

/** What a bundle tells of a pod that this daemon was never told of. */
export interface PodRemains {
  readonly hasPause: boolean;
  /** Undefined when the specification names none. */
  readonly cgroupPath: string | undefined;
}

/** Reads the bundle of a pod; undefined without one, or when its specification was never written whole. */
export async function readRemains(shims: Shims, id: string): Promise<PodRemains | undefined> {
  const text = await shims.spec(id);
  if (text === undefined) return undefined;
  try {
    const spec = JSON.parse(text) as {
      readonly process?: unknown;
      readonly linux?: { readonly cgroupsPath?: unknown };
    };
    return { hasPause: spec.process !== undefined, cgroupPath: podCgroupOf(spec.linux?.cgroupsPath) };
  } catch {
    return undefined; // cut short while it was written: no shim was started from it
  }
}
