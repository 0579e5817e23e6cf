import { flow } from "../../flow/flow.ts";
import type { Flow, StepContext } from "../../flow/types.ts";
import { type RemovalDeps, removeBlobs, removeLayers } from "../garbage/removals.ts";
import { blobsOfImage } from "../garbage/roots.ts";
import type { ImageRecord } from "../types.ts";

/** A flow over the row of an image; what it decides on is the record itself, and it learns nothing. */
export type ImageFlow = Flow<RemovalDeps, ImageRecord, Record<string, never>>;

type RemovalContext = StepContext<RemovalDeps, ImageRecord, Record<string, never>>;

async function dropLayers({ deps, plan, signal, midpoint }: RemovalContext): Promise<void> {
  const [top, ...others] = plan.layers.map(({ chainId }) => chainId).toReversed();
  if (top) await removeLayers(deps, [top], signal);
  await midpoint();
  await removeLayers(deps, others, signal);
}

async function dropBlobs({ deps, plan, signal, midpoint }: RemovalContext): Promise<void> {
  const [first, ...others] = blobsOfImage(plan);
  if (first) await removeBlobs(deps, [first], signal);
  await midpoint();
  await removeBlobs(deps, others, signal);
}

/**
 * RemoveImage, of an image without names: what only it needs goes. Layers that a container stands on stay until its snapshot
 * is gone; the collection takes them then.
 */
export const removeImage: ImageFlow = flow("RemoveImage", { recover: "finish" }, [
  { name: "snapshots.remove", do: dropLayers, budgetMs: 600_000 },
  { name: "content.remove", after: ["snapshots.remove"], do: dropBlobs, budgetMs: 120_000 },
]);
