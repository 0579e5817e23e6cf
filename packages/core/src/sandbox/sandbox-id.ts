import { randomBytes } from "node:crypto";

const idPattern = /^[0-9a-f]{64}$/;
const instancePattern = /^[0-9a-f]{8}$/;

/**
 * A new id: 56 random hexadecimal digits, then the 8 of the daemon's instance. All ids have one length, so none is a
 * prefix of another; the ending names the owner of every resource whose name derives from the id, so that the leak
 * counters can tell ours from those of a second crib without asking any record.
 */
export function newSandboxId(instance: string): string {
  if (!instancePattern.test(instance)) throw new TypeError(`instance "${instance}" is not 8 hexadecimal digits`);
  return randomBytes(28).toString("hex") + instance;
}

/** A new instance id, made once for each root directory. */
export function newInstance(): string {
  return randomBytes(4).toString("hex");
}

/** Whether this is a whole id as `newSandboxId` makes them. */
export function isSandboxId(text: string): boolean {
  return idPattern.test(text);
}

/** The instance that made this id; undefined when it is no id of a crib. */
export function ownerOf(id: string): string | undefined {
  return isSandboxId(id) ? id.slice(-8) : undefined;
}
