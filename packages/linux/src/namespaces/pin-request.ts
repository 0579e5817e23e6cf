import { Code, StatusError } from "@crib/errdefs";

import { check } from "../libc/errno-error.ts";
import { sethostname } from "../libc/libc.ts";
import { withEffectiveUser } from "./effective-user.ts";
import { bringLoopbackUp } from "./loopback.ts";
import type { ThreadNamespaceKind } from "./namespace-kind.ts";
import { sysctlNamespace, writeSysctl } from "./sysctl.ts";

/** The namespaces to make and pin, and how they are to be set up. Without any path there is nothing to do. */
export interface PinRequest {
  /** Where to pin a network namespace. The file must not exist, its directory must. */
  readonly net?: string | undefined;
  /** Where to pin an IPC namespace. */
  readonly ipc?: string | undefined;
  /** Where to pin a UTS namespace. */
  readonly uts?: string | undefined;
  /** Host name inside; at most 64 bytes; requires `uts`. Default: the host's. */
  readonly hostname?: string | undefined;
  /** Brings `lo` of the new network namespace up; says nothing without one. Default: it stays down. */
  readonly loopbackUp?: boolean | undefined;
  /** Sysctls by name (`net.ipv4.ip_forward`); each must belong to a namespace that this request makes. */
  readonly sysctls?: Readonly<Record<string, string>> | undefined;
}

/** The kinds that a request asks for, validated: nothing in it may reach a namespace that it does not make. */
export function requestedKinds(request: PinRequest): readonly ThreadNamespaceKind[] {
  const kinds = (["net", "ipc", "uts"] as const).filter((kind) => request[kind] !== undefined);
  const refuse = (why: string): StatusError => new StatusError(Code.InvalidArgument, `pinning namespaces: ${why}`);
  if (request.hostname !== undefined && !kinds.includes("uts")) throw refuse("a hostname needs a uts namespace");
  for (const name of Object.keys(request.sysctls ?? {})) {
    const owner = sysctlNamespace(name);
    if (owner === undefined) throw refuse(`sysctl "${name}" belongs to the host, not to a namespace of the pod`);
    if (!kinds.includes(owner)) throw refuse(`sysctl "${name}" needs a ${owner} namespace of the pod's own`);
  }
  return kinds;
}

/**
 * Sets up the namespaces that the calling thread is in, as the request says. `rootUid` is the host's id of the root of
 * the user namespace that owns them, when it is not the host's own.
 */
export function setUpNamespaces(request: PinRequest, rootUid?: number): void {
  if (request.loopbackUp === true && request.net !== undefined) bringLoopbackUp();
  if (request.hostname !== undefined) {
    const name = Buffer.from(request.hostname);
    check(sethostname(name, name.byteLength), `setting hostname "${request.hostname}"`);
  }
  for (const [name, value] of Object.entries(request.sysctls ?? {})) {
    if (rootUid === undefined || sysctlNamespace(name) !== "ipc") writeSysctl(name, value);
    else withEffectiveUser(rootUid, () => writeSysctl(name, value));
  }
}
