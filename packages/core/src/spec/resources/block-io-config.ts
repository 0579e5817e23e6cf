import { open } from "node:fs/promises";

import { Code, StatusError } from "@crib/errdefs";
import { parse } from "yaml";
import * as z from "zod";

/** Configuration written by hand is never this large. */
const maxBytes = 1024 * 1024;

const text = z.union([z.string(), z.number()]).transform(String);

/** Keys are as their authors write them: the format's own reader does not look at case. */
const parameters = z.preprocess(
  withLowerCaseKeys,
  z.strictObject({
    devices: z.array(z.string()).default([]),
    weight: text.optional(),
    throttlereadbps: text.optional(),
    throttlewritebps: text.optional(),
    throttlereadiops: text.optional(),
    throttlewriteiops: text.optional(),
  }),
);

const config = z.preprocess(withLowerCaseKeys, z.object({ classes: z.record(z.string(), z.array(parameters)) }));

/** Limits of a class for some devices; a class has any number of these. Values are quantities: `80`, `50M`, `10k`. */
export type BlockIoParameters = z.infer<typeof parameters>;

/**
 * Reads the classes of a block I/O configuration (YAML; `Classes: {NAME: [{Devices, Weight, ThrottleReadBps, ...}]}`, the format of
 * goresctrl, which containerd and CRI-O read too). FailedPrecondition when it cannot be read or is not of that form.
 */
export async function readBlockIoConfig(path: string): Promise<Readonly<Record<string, readonly BlockIoParameters[]>>> {
  const doing = `reading block I/O classes of "${path}"`;
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size > maxBytes) throw new StatusError(Code.FailedPrecondition, `${doing}: larger than ${maxBytes} bytes`);
    const found: unknown = parse(await file.readFile("utf8"));
    return config.parse(found).classes;
  } catch (error) {
    if (error instanceof StatusError) throw error;
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new StatusError(Code.FailedPrecondition, `${doing}: ${why}`, { cause: error });
  }
}

function withLowerCaseKeys(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key.toLowerCase(), each as unknown]));
}
