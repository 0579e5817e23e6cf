import { Code, StatusError } from "@crib/errdefs";

/**
 * A way to hand the layers to the kernel. `descriptors`: one by one as descriptors (Linux 6.13). `strings`: one by one as paths
 * (6.8). `page`: all in the options of mount(2), which have to fit a page. `staged`: under short names, in a mount namespace that
 * only the mounting thread sees for that long (5.2).
 */
export type OverlayMethod = "descriptors" | "strings" | "page" | "staged";

/** An overlay to mount; all paths absolute and trusted. */
export interface OverlayRequest {
  /** Directories of the layers, nearest first. 1 to 500, without `upper` 2 at least. */
  readonly lower: readonly string[];
  /** Where changes go, with the empty directory on the same file system that overlayfs works in. Default: read-only. */
  readonly upper?: { readonly dir: string; readonly work: string } | undefined;
  /** An existing directory. */
  readonly target: string;
  /** Further options of the file system, each with its value, or true where it has none. */
  readonly options?: Readonly<Record<string, string | true>> | undefined;
  /** Descriptor of the user namespace as whose ids the layers' owners are shown; see `openUserns`. */
  readonly usernsFd?: number | undefined;
  /** What to try, in order; what the kernel does not have is passed over. Default: all. */
  readonly methods?: readonly OverlayMethod[] | undefined;
}

/** OVL_MAX_STACK of the kernel. */
export const maximumOverlayLayers = 500;
/** What mount(2) takes of options, the ending NUL included; more on machines with larger pages. */
export const maximumMountData = 4096;

/** What mounting it does, for messages. */
export function describeOverlay({ lower, target }: OverlayRequest): string {
  return `mounting an overlay of ${lower.length} layer${lower.length === 1 ? "" : "s"} on "${target}"`;
}

/** Throws InvalidArgument or, for too many layers, FailedPrecondition when no kernel could mount it. */
export function checkOverlay(request: OverlayRequest): void {
  const { lower, upper, target } = request;
  const doing = describeOverlay(request);
  if (lower.length > maximumOverlayLayers) {
    throw new StatusError(Code.FailedPrecondition, `${doing}: overlayfs takes at most ${maximumOverlayLayers} layers`);
  }
  if (lower.length < (upper === undefined ? 2 : 1)) {
    throw new StatusError(Code.InvalidArgument, `${doing}: there are too few to be an overlay`);
  }
  const relative = [target, ...lower, ...(upper === undefined ? [] : [upper.dir, upper.work])].find(
    (path) => !path.startsWith("/"),
  );
  if (relative !== undefined) throw new StatusError(Code.InvalidArgument, `${doing}: "${relative}" is not absolute`);
}
