import { glob, stat } from "node:fs/promises";

import { Code, StatusError } from "@crib/errdefs";
import type { BlockIo, BlockIoRate } from "@crib/oci-spec";

import { deviceNumber } from "../devices/device-number.ts";
import type { SpecInput } from "../types.ts";
import { type BlockIoParameters, readBlockIoConfig } from "./block-io-config.ts";
import { quantity } from "./quantity.ts";
import { resourceClass } from "./resource-class.ts";

interface BlockDevice {
  readonly major: number;
  readonly minor: number;
}

/**
 * The block I/O limits of the class that annotations give a container; undefined without one. Parameters without devices set the
 * weight of all; devices that are not there are passed over. FailedPrecondition where no classes are configured or the file is bad,
 * InvalidArgument for a class that is not in it and values that are out of range.
 */
export async function blockIoClass(
  input: Pick<SpecInput, "id" | "plan" | "sandbox" | "options">,
): Promise<BlockIo | undefined> {
  const name = resourceClass("blockio", input);
  if (name === undefined) return undefined;
  const refuse = (code: Code, why: string): StatusError =>
    new StatusError(code, `giving container "${input.id}" the block I/O class ${JSON.stringify(name)}: ${why}`);
  const file = input.options.blockioConfigFile;
  if (file === "") throw refuse(Code.FailedPrecondition, "block I/O classes are not enabled");
  const classes = await readBlockIoConfig(file);
  const parameters = Object.hasOwn(classes, name) ? classes[name] : undefined;
  if (parameters === undefined) throw refuse(Code.InvalidArgument, `no such class in "${file}"`);
  const parts = await Promise.all(parameters.map((each) => limitsOf(each, `class "${name}" of "${file}"`)));
  return merged(parts);
}

async function limitsOf(parameters: BlockIoParameters, what: string): Promise<BlockIo> {
  const { devices: globs, weight: weightText } = parameters;
  const weight = weightText === undefined ? undefined : quantity(weightText, what);
  if (weight !== undefined && weight !== 0 && (weight < 10 || weight > 1000)) {
    throw new StatusError(Code.InvalidArgument, `reading ${what}: weight ${weight} is not from 10 to 1000`);
  }
  if (globs.length === 0) {
    const throttles = Object.keys(parameters).filter((key) => key.startsWith("throttle"));
    if (throttles.length === 0) return weight === undefined ? {} : { weight };
    throw new StatusError(Code.InvalidArgument, `reading ${what}: ${throttles.join(", ")} without devices`);
  }
  const devices = await blockDevices(globs);
  const rates = (text: string | undefined): readonly BlockIoRate[] | undefined =>
    text === undefined ? undefined : devices.map((device) => ({ ...device, rate: quantity(text, what) }));
  return present({
    weightDevice: weight === undefined ? undefined : devices.map((device) => ({ ...device, weight })),
    throttleReadBpsDevice: rates(parameters.throttlereadbps),
    throttleWriteBpsDevice: rates(parameters.throttlewritebps),
    throttleReadIOPSDevice: rates(parameters.throttlereadiops),
    throttleWriteIOPSDevice: rates(parameters.throttlewriteiops),
  });
}

function present(all: { readonly [K in keyof BlockIo]: BlockIo[K] | undefined }): BlockIo {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as BlockIo;
}

/** The block devices among the paths that globs match, each once. */
async function blockDevices(globs: readonly string[]): Promise<readonly BlockDevice[]> {
  const found = new Map<string, BlockDevice>();
  for await (const path of glob([...globs])) {
    const status = await stat(path);
    if (!status.isBlockDevice()) continue;
    const device = deviceNumber(status.rdev);
    found.set(`${device.major}:${device.minor}`, device);
  }
  return [...found.values()];
}

/** All parts together: a later weight takes the place of an earlier one, lists are put one behind the other. */
function merged(parts: readonly BlockIo[]): BlockIo {
  const whole: Record<string, unknown> = {};
  for (const [key, value] of parts.flatMap((part) => Object.entries(part))) {
    whole[key] = Array.isArray(value) && Array.isArray(whole[key]) ? [...(whole[key] as unknown[]), ...value] : value;
  }
  return whole;
}
