import { flow } from "../../flow/flow.ts";
import type { Flow } from "../../flow/types.ts";
import { commitLayers, fetchLayers, releaseLayers, unpackLayers } from "./steps/make-layers.ts";
import { resolveManifest } from "./steps/resolve-manifest.ts";
import { saveManifest } from "./steps/save-manifest.ts";
import { syncDisk } from "./steps/sync-disk.ts";
import type { PullDeps } from "./steps/types.ts";
import type { PullFacts, PullPlan } from "./types.ts";

/** A pull that moves is given all the time it needs; one that does not is ended by its own watch. */
const transferBudgetMs = 24 * 3_600_000;

/** PullImage: when it has ended, one transaction records the image with its names and drops the row of the pull. */
export const pullImage: Flow<PullDeps, PullPlan, PullFacts> = flow("PullImage", { recover: "undo" }, [
  { name: "manifest.resolve", do: resolveManifest, budgetMs: 600_000 },
  // What is in the store and has no row is collected; nothing has to be taken back.
  { name: "manifest.save", after: ["manifest.resolve"], do: saveManifest, budgetMs: 60_000 },
  { name: "layers.fetch", after: ["manifest.save"], do: fetchLayers, undo: releaseLayers, budgetMs: transferBudgetMs },
  {
    name: "layers.unpack",
    after: ["manifest.save"],
    do: unpackLayers,
    undo: releaseLayers,
    budgetMs: transferBudgetMs,
  },
  { name: "layers.commit", after: ["layers.fetch", "layers.unpack"], do: commitLayers, budgetMs: 600_000 },
  { name: "disk.sync", after: ["layers.commit"], do: syncDisk, budgetMs: 600_000 },
]);
