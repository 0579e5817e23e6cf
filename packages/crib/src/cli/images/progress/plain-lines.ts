import { shortId } from "../short-id.ts";
import { type LayerProgress, type PullProgress, stateName } from "./pull-progress.ts";

/** What has changed between two moments of a pull, a line for each change of state; numbers that grow are no change. */
export function plainLines(before: PullProgress, after: PullProgress): readonly string[] {
  const lines: string[] = [];
  if (after.reference !== before.reference && after.digest === "") lines.push(`${after.reference}: resolving`);
  if (after.digest !== before.digest) {
    lines.push(`${after.reference}: resolved to ${after.digest}, ${after.layers.length} layers`);
  }
  const known = new Map(before.layers.map((layer) => [layer.digest, layer]));
  for (const layer of after.layers) {
    if (hasChanged(known.get(layer.digest), layer)) lines.push(`${shortId(layer.digest)}: ${stateName(layer.state)}`);
  }
  return lines;
}

function hasChanged(before: LayerProgress | undefined, after: LayerProgress): boolean {
  // That it waits goes without saying.
  return before === undefined ? stateName(after.state) !== "waiting" : before.state !== after.state;
}
