import { callInWorker } from "../blocking-calls.ts";
import { defaultTimeoutMs, type MountDeadline } from "../mount.ts";
import { checkOverlay, describeOverlay, type OverlayRequest } from "./overlay-request.ts";

/**
 * Mounts an overlay of up to 500 layers, in whatever way the kernel has, on a thread of its own. FailedPrecondition, with
 * the number of layers, when they are too many; DeadlineExceeded as for `mount`. A failed call leaves nothing.
 */
export async function mountOverlay(request: OverlayRequest, deadline: MountDeadline = {}): Promise<void> {
  checkOverlay(request);
  const call = { name: "overlay", args: [request] } as const;
  await callInWorker(call, deadline.timeoutMs ?? defaultTimeoutMs, describeOverlay(request));
}
