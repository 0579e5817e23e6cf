import { type BindRequest, describeBind } from "./bind-sync.ts";
import { callInWorker } from "./blocking-calls.ts";
import { defaultTimeoutMs, type MountDeadline } from "./mount.ts";

/**
 * Shows a directory at another place, read-only or with mapped owners from the first moment, on a thread of its own. Unimplemented
 * or InvalidArgument when the kernel or the file system has no id-mapped mounts; DeadlineExceeded as for `mount`.
 */
export async function bind(request: BindRequest, deadline: MountDeadline = {}): Promise<void> {
  const call = { name: "bind", args: [request] } as const;
  await callInWorker(call, deadline.timeoutMs ?? defaultTimeoutMs, describeBind(request));
}
