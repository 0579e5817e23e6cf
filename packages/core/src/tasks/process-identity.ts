import { processIdentity } from "@crib/linux";
import type { ProcessIdentity } from "@crib/sandboxer";

/** The kernel's view of an identity that has been stored: start times are bigint there and plain numbers in records. */
export function toKernelIdentity(identity: ProcessIdentity): { readonly pid: number; readonly startTime: bigint } {
  return { pid: identity.pid, startTime: BigInt(identity.startTime) };
}

/** Who has this pid now, in the form that is stored; undefined when nobody has. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const found = pid > 0 ? processIdentity(pid) : undefined;
  return found === undefined ? undefined : { pid: found.pid, startTime: Number(found.startTime) };
}
