import { LayerState, type PullEvent } from "@crib/wire/admin";

/** How far a layer is; bytes of its blob. */
export interface LayerProgress {
  readonly digest: string;
  readonly state: LayerState;
  readonly downloaded: number;
  readonly unpacked: number;
  readonly size: number;
}

/** What is known of a pull. */
export interface PullProgress {
  /** The image, completed; empty before anything is known. */
  readonly reference: string;
  /** Digest that the reference led to; empty before it did. */
  readonly digest: string;
  readonly layers: readonly LayerProgress[];
}

export const noProgress: PullProgress = { reference: "", digest: "", layers: [] };

/** What is known after an event. */
export function advance(progress: PullProgress, event: PullEvent["event"]): PullProgress {
  if (event.case === "resolving") return { ...progress, reference: event.value.reference };
  if (event.case === "resolved") {
    const { reference, digest, layers } = event.value;
    const waiting = { state: LayerState.WAITING, downloaded: 0, unpacked: 0 };
    const before = new Map(progress.layers.map((layer) => [layer.digest, layer]));
    return {
      reference,
      digest,
      layers: layers.map(({ digest, size }) => before.get(digest) ?? { ...waiting, digest, size: Number(size) }),
    };
  }
  if (event.case !== "layer") return progress;
  const { digest, state, downloaded, unpacked, size } = event.value;
  const layer = { digest, state, downloaded: Number(downloaded), unpacked: Number(unpacked), size: Number(size) };
  const isKnown = progress.layers.some((each) => each.digest === digest);
  const layers = isKnown
    ? progress.layers.map((each) => (each.digest === digest ? layer : each))
    : [...progress.layers, layer];
  return { ...progress, layers };
}

const names: Readonly<Record<number, string>> = {
  [LayerState.WAITING]: "waiting",
  [LayerState.DOWNLOADING]: "downloading",
  [LayerState.UNPACKING]: "unpacking",
  [LayerState.DONE]: "done",
  [LayerState.EXISTS]: "exists",
};

/** The state in a word; `unknown` for one that a newer daemon has. */
export function stateName(state: LayerState): string {
  return names[state] ?? "unknown";
}

/** Whether nothing is left to do for a layer. */
export function isFinished({ state }: LayerProgress): boolean {
  return state === LayerState.DONE || state === LayerState.EXISTS;
}
