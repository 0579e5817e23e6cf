import { type PinRequest, requestedKinds, setUpNamespaces } from "./pin-request.ts";
import { bindNamespace, removePin, undoPins } from "./pin.ts";
import { inNewNamespaces } from "./thread-namespaces.ts";

/**
 * Makes namespaces, sets them up and pins each as a file: they then live without a process (as `ip netns add` does).
 * Synchronous, about half a millisecond for a network namespace: the calling thread goes in and comes back, and nothing
 * else may run meanwhile. A failed call leaves nothing; AlreadyExists when a file is there. Needs CAP_SYS_ADMIN.
 */
export function pinNamespaces(request: PinRequest): void {
  const kinds = requestedKinds(request);
  if (kinds.length === 0) return;
  const pinned: string[] = [];
  try {
    inNewNamespaces(kinds, () => {
      setUpNamespaces(request);
      for (const kind of kinds) {
        const path = request[kind] ?? "";
        bindNamespace(`/proc/thread-self/ns/${kind}`, path);
        pinned.push(path);
      }
    });
  } catch (error) {
    throw undoPins(pinned, error);
  }
}

/**
 * Removes a pinned namespace: its mount, then its file. Idempotent; a missing path succeeds. The namespace itself ends
 * when its last process and open file do; for a network namespace the kernel takes its devices down some time later.
 */
export async function unpinNamespace(path: string): Promise<void> {
  removePin(path);
}
