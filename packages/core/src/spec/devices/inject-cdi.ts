import { Code, StatusError } from "@crib/errdefs";
import type { RuntimeSpec } from "@crib/oci-spec";

import { applyCdiEdits } from "./cdi/apply-cdi-edits.ts";
import { readCdiDevices } from "./cdi/cdi-devices.ts";
import type { CdiSpec } from "./cdi/cdi-spec.ts";

/**
 * Adds what CDI devices (`vendor.com/class=name`) need to a specification: once what their specification has for all of its devices, then
 * what each has for itself. The specifications are those that are in `dirs` now; later directories count more. NotFound, naming them,
 * for devices that none has; the errors of `cdiDeviceNode`.
 */
export async function injectCdi(
  spec: RuntimeSpec,
  names: readonly string[],
  dirs: readonly string[],
): Promise<RuntimeSpec> {
  if (names.length === 0) return spec;
  const { devices, problems } = await readCdiDevices(dirs);
  const missing = names.filter((name) => !devices.has(name));
  if (missing.length > 0) {
    const what = missing.map((name) => `"${name}"`).join(", ");
    const where = dirs.map((dir) => `"${dir}"`).join(", ");
    const why = problems.length === 0 ? "" : ` (${problems.slice(0, 5).join("; ")})`;
    throw new StatusError(Code.NotFound, `adding CDI devices ${what}: no specification in ${where} has them${why}`);
  }
  const begun = new Set<CdiSpec>();
  let edited = spec;
  for (const name of new Set(names)) {
    const device = devices.get(name);
    if (device === undefined) continue;
    const { spec: from, edits } = device;
    const isFirst = !begun.has(from);
    begun.add(from);
    try {
      if (isFirst && from.containerEdits !== undefined) edited = await applyCdiEdits(edited, from.containerEdits);
      edited = await applyCdiEdits(edited, edits);
    } catch (reason) {
      throw StatusError.from(reason, `adding CDI device "${name}"`);
    }
  }
  return edited;
}
