import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";

import { type CdiEdits, type CdiSpec, parseCdiSpec } from "./cdi-spec.ts";

/** Bytes of a specification, and how many a directory may hold. Real ones have a few KB. */
const maximumBytes = 1 << 20;
const maximumFiles = 1_000;

/** A device of a specification. */
export interface CdiDevice {
  readonly spec: CdiSpec;
  readonly edits: CdiEdits;
}

/** The devices of all specifications, and why others are not among them. */
export interface CdiDevices {
  /** By `vendor.com/class=name`. */
  readonly devices: ReadonlyMap<string, CdiDevice>;
  readonly problems: readonly string[];
}

/**
 * Reads the CDI specifications in directories, as they are now. A device of a later directory takes the place of one of an earlier one; of two in the
 * same directory neither counts. What cannot be read is a problem, not an error. A missing directory is empty.
 */
export async function readCdiDevices(dirs: readonly string[]): Promise<CdiDevices> {
  const problems: string[] = [];
  const devices = new Map<string, CdiDevice>();
  for (const found of await Promise.all(dirs.map((dir) => readDirectory(dir, problems)))) {
    for (const [name, candidates] of found) {
      const [first, second] = candidates;
      if (first !== undefined && second === undefined) devices.set(name, first);
      else {
        devices.delete(name);
        problems.push(`device "${name}" is in two specifications of one directory`);
      }
    }
  }
  return { devices, problems };
}

async function readDirectory(dir: string, problems: string[]): Promise<ReadonlyMap<string, readonly CdiDevice[]>> {
  const found = new Map<string, CdiDevice[]>();
  const names = (await listDirectory(dir, problems)).filter((name) => /\.(json|yaml)$/.test(name)).toSorted();
  if (names.length > maximumFiles) problems.push(`"${dir}" holds more than ${maximumFiles} specifications`);
  for (const name of names.slice(0, maximumFiles)) {
    const path = join(dir, name);
    const spec = await readSpec(path).catch((reason: unknown) => {
      problems.push(`"${path}": ${StatusError.from(reason).message}`);
    });
    for (const device of spec?.devices ?? []) {
      const full = `${spec?.kind}=${device.name}`;
      if (spec) found.set(full, [...(found.get(full) ?? []), { spec, edits: device.containerEdits }]);
    }
  }
  return found;
}

async function listDirectory(dir: string, problems: string[]): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch (reason) {
    const error = StatusError.from(reason);
    if (!hasCode(error, Code.NotFound)) problems.push(error.message);
    return [];
  }
}

async function readSpec(path: string): Promise<CdiSpec> {
  // A FIFO would be waited for.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const status = await file.stat();
  if (!status.isFile()) throw new StatusError(Code.InvalidArgument, "it is no file");
  const { size } = status;
  if (size > maximumBytes) throw new StatusError(Code.InvalidArgument, `it has more than ${maximumBytes} bytes`);
  const buffer = Buffer.alloc(size);
  const { bytesRead } = await file.read(buffer, 0, size, 0);
  return parseCdiSpec(buffer.toString("utf8", 0, bytesRead));
}
