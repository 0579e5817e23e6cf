import { readFile } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { cgroupDirectory } from "./cgroup-path.ts";
import { cgroupLayout } from "./layout.ts";

/** One line of a pressure file: percents averaged over 10, 60 and 300 s, microseconds since the start. */
export interface PressureLine {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly totalMicros: bigint;
}

/** How much processes waited for a resource (Documentation/accounting/psi.rst): some of them, and all at once. */
export interface CgroupPressure {
  readonly some: PressureLine;
  readonly full?: PressureLine;
}

/** Reads the pressure of a cgroup of version 2; undefined where the machine has none. */
export async function cgroupPressure(
  path: string,
  resource: "cpu" | "memory" | "io",
): Promise<CgroupPressure | undefined> {
  const { version, hierarchies } = cgroupLayout();
  const unified = version === 2 ? hierarchies.find((hierarchy) => hierarchy.unified) : undefined;
  if (unified === undefined) return undefined;
  try {
    return parsePressure(await readFile(`${cgroupDirectory(unified, path)}/${resource}.pressure`, "latin1"));
  } catch (error) {
    // EOPNOTSUPP: switched off at boot.
    if (["ENOENT", "ENODEV", "EOPNOTSUPP"].includes(errnoName(error) ?? "")) return undefined;
    throw StatusError.from(error, `reading ${resource} pressure of cgroup "${path}"`);
  }
}

/** Reads the text of a pressure file; undefined without the line `some`. */
export function parsePressure(text: string): CgroupPressure | undefined {
  const lines = new Map(text.split("\n").map((line) => [line.split(" ", 1)[0] ?? "", parseLine(line)]));
  const some = lines.get("some");
  const full = lines.get("full");
  return some === undefined ? undefined : { some, ...(full && { full }) };
}

function parseLine(line: string): PressureLine | undefined {
  const form = /avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=(\d+)$/.exec(line);
  if (form === null) return undefined;
  const [, avg10, avg60, avg300, total] = form;
  return { avg10: Number(avg10), avg60: Number(avg60), avg300: Number(avg300), totalMicros: BigInt(total ?? 0) };
}
