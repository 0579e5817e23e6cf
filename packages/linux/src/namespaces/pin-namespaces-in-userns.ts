import { closeSync, constants, openSync } from "node:fs";

import { attempt } from "../libc/errno-error.ts";
import type { NamespaceKind } from "./namespace-kind.ts";
import { type PinRequest, requestedKinds, setUpNamespaces } from "./pin-request.ts";
import { bindNamespace, undoPins } from "./pin.ts";
import { inNamespaces } from "./thread-namespaces.ts";
import { type IdMapping, withUsernsHelper } from "./userns-helper.ts";

/** A request for namespaces that a new user namespace owns. */
export interface UsernsPinRequest extends PinRequest {
  /** At least one; see user_namespaces(7). */
  readonly uidMappings: readonly IdMapping[];
  /** At least one. */
  readonly gidMappings: readonly IdMapping[];
  /** Where to pin the user namespace itself. Default: it lives as long as what it owns. */
  readonly user?: string | undefined;
  /** Further environment of the short-lived helper process, so that it can be recognised after a crash. */
  readonly helperEnv?: Readonly<Record<string, string>> | undefined;
  /** Awaited while the helper holds the new namespaces and none is pinned; a rejection fails the call. */
  readonly whileHeld?: (() => Promise<void>) | undefined;
}

/**
 * As `pinNamespaces`, but the namespaces belong to a new user namespace with the given mappings. A process with threads
 * cannot make one, so a helper (`unshare` of util-linux or busybox, then `cat`) does, and is gone when this settles. A
 * failed or aborted call leaves nothing. Takes a few milliseconds.
 */
export async function pinNamespacesInUserns(request: UsernsPinRequest, signal?: AbortSignal): Promise<void> {
  const kinds: readonly NamespaceKind[] = ["user", ...requestedKinds(request)];
  await withUsernsHelper(
    {
      kinds,
      uids: request.uidMappings,
      gids: request.gidMappings,
      env: request.helperEnv,
      whileHeld: request.whileHeld,
    },
    (proc) => pinFromHelper(proc, kinds, request),
    signal,
  );
}

/** The host's id of user 0 inside, if the mappings have one. */
function mappedRoot(mappings: readonly IdMapping[]): number | undefined {
  return mappings.find(({ containerId, length }) => containerId === 0 && length > 0)?.hostId;
}

function pinFromHelper(proc: string, kinds: readonly NamespaceKind[], request: UsernsPinRequest): void {
  const pinned: string[] = [];
  using held = holdAll(kinds.map((kind) => `${proc}/ns/${kind}`));
  const sources: Readonly<Partial<Record<NamespaceKind, string>>> = Object.fromEntries(
    kinds.map((kind, index) => [kind, held.paths[index]]),
  );
  const { user: _user, ...others } = sources;
  try {
    if (kinds.length > 1) inNamespaces(others, () => setUpNamespaces(request, mappedRoot(request.uidMappings)));
    for (const kind of kinds) {
      const path = request[kind];
      if (path === undefined) continue;
      bindNamespace(sources[kind] ?? "", path);
      pinned.push(path);
    }
  } catch (error) {
    throw undoPins(pinned, error);
  }
}

function holdAll(paths: readonly string[]): Disposable & { readonly paths: readonly string[] } {
  using stack = new DisposableStack();
  const held = paths.map((path) => {
    const fd = attempt(`opening namespace "${path}"`, () => openSync(path, constants.O_RDONLY));
    stack.defer(() => closeSync(fd));
    return `/proc/self/fd/${fd}`;
  });
  const kept = stack.move();
  return { paths: held, [Symbol.dispose]: () => kept.dispose() };
}
