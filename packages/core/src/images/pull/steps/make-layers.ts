import type { PullSession } from "../pull-session.ts";
import { factOf, sessionOf } from "./session-of.ts";
import type { PullContext } from "./types.ts";

/** Takes the blobs of all layers that are not there yet into partial files. */
export async function fetchLayers(context: PullContext): Promise<void> {
  const session = sessionOf(context);
  session.makeLayers(factOf(context, "layers"), context.signal);
  await session.half;
  await strike(context, session);
  await session.fetched();
}

/** Unpacks the layers, each into its own directory, while their blobs come in. */
export async function unpackLayers(context: PullContext): Promise<void> {
  const session = sessionOf(context);
  session.makeLayers(factOf(context, "layers"), context.signal);
  await session.begun;
  await strike(context, session);
  await session.unpacked();
}

/** A step that fails half-way leaves nothing running behind it. */
async function strike(context: PullContext, session: PullSession): Promise<void> {
  try {
    await context.midpoint();
  } catch (reason) {
    session.fail(reason);
    await session.settled();
    throw reason;
  }
}

/** Lets go of what the pull has claimed: partial files are closed, directories that became no layer go. */
export async function releaseLayers({ id, deps, midpoint }: PullContext): Promise<void> {
  // What an earlier daemon left has no holder; the collection that follows finds it by having no row.
  const session = deps.sessions.get(id);
  await session?.stop();
  await midpoint();
  await session?.end();
}

/** Moves verified blobs into the store, then records the layers from the lowest one upwards. */
export async function commitLayers(context: PullContext): Promise<void> {
  const { claims } = sessionOf(context);
  for (const claim of claims) await claim.keepBlob();
  await context.midpoint();
  let parent: (typeof claims)[number]["layer"]["chainId"] | undefined;
  for (const claim of claims) {
    await claim.commit(parent, context.signal);
    parent = claim.layer.chainId;
  }
}
