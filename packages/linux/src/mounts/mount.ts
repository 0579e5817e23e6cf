import { check } from "../libc/errno-error.ts";
import { callInWorker } from "./blocking-calls.ts";
import { describeMount, type MountRequest } from "./mount-sync.ts";

/** How long a call may stay in the kernel. */
export interface MountDeadline {
  /** Default 30 s. */
  readonly timeoutMs?: number | undefined;
}

/** What a deadline is unless said, in milliseconds. */
export const defaultTimeoutMs = 30_000;

/**
 * mount(2) on a thread of its own. DeadlineExceeded when it does not return in time; the kernel may then still carry it
 * out, so the undo must not take the mount's absence for granted.
 */
export async function mount(request: MountRequest, deadline: MountDeadline = {}): Promise<void> {
  const { source = "none", target, type = null, flags = 0, data = null } = request;
  const doing = describeMount(request);
  const call = { name: "mount", args: [source, target, type, flags, data] } as const;
  check(await callInWorker(call, deadline.timeoutMs ?? defaultTimeoutMs, doing), doing);
}

/** umount2(2) on a thread of its own; `flags` are `UmountFlag`s. DeadlineExceeded as for `mount`. */
export async function umount(target: string, flags = 0, deadline: MountDeadline = {}): Promise<void> {
  const doing = `unmounting "${target}"`;
  const call = { name: "umount2", args: [target, flags] } as const;
  check(await callInWorker(call, deadline.timeoutMs ?? defaultTimeoutMs, doing), doing);
}
