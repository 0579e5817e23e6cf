import { Code, hasCode, StatusError } from "@crib/errdefs";
import {
  chainIds,
  type Descriptor,
  type ImageConfig,
  type ImageManifest,
  parseImageConfig,
  parseManifest,
  type PlatformName,
  selectPlatform,
} from "@crib/oci-spec";

import type { ContentStore } from "../../../content/types.ts";
import type { PullSession } from "../pull-session.ts";
import type { PulledDocument, PullFacts } from "../types.ts";
import { sessionOf } from "./session-of.ts";
import type { PullContext } from "./types.ts";

/** Indexes may lead to indexes; more of them than this on the way to a manifest are an attack. */
const indexDepth = 4;

interface Found {
  readonly manifest: ImageManifest;
  readonly documents: readonly PulledDocument[];
}

/** Learns what the reference stands for, down to the layers. Keeps nothing. */
export async function resolveManifest(context: PullContext): Promise<PullFacts> {
  const { deps, plan, signal } = context;
  const session = sessionOf(context);
  const { manifest, documents } = await findManifest(context, session);
  const { configBytes, layers: layerLimit } = deps.limits;
  const config = await readOrFetch(deps.content, manifest.config, configBytes, () =>
    session.source.fetchSmallBlob(manifest.config, configBytes, signal),
  );
  session.documents.set(manifest.config.digest, config);
  const parsed = parseImageConfig(config, { bytes: configBytes, layers: layerLimit });
  const { digest, size } = manifest.config;
  const layers = layersOf(manifest, parsed);
  refuseOtherPlatform(parsed.platform, plan.platform);
  const target = documents[0];
  if (target) session.progress.resolved(target.digest, layers);
  return { documents, config: { digest, size }, layers, platform: parsed.platform, user: parsed.user };
}

async function findManifest(context: PullContext, session: PullSession): Promise<Found> {
  const { deps, plan, signal } = context;
  const { source, documents: bytesOf } = session;
  const { manifestBytes, manifests, layers } = deps.limits;
  const fetched = await source.fetchManifest(signal);
  await context.midpoint();
  // A new image most likely has new layers; one that is pulled again to see whether it has changed needs no thread.
  if (!(await deps.content.find(fetched.descriptor.digest))) deps.warm();
  let { descriptor, bytes }: { descriptor: Pick<Descriptor, "mediaType" | "digest" | "size">; bytes: Buffer } = fetched;
  const documents: PulledDocument[] = [];
  for (;;) {
    bytesOf.set(descriptor.digest, bytes);
    documents.push({ digest: descriptor.digest, size: bytes.length });
    const document = parseManifest(bytes, descriptor.mediaType, { bytes: manifestBytes, manifests, layers });
    if (document.kind === "manifest") return { manifest: document, documents };
    if (documents.length > indexDepth) {
      throw new StatusError(
        Code.InvalidArgument,
        `index "${descriptor.digest}": more than ${indexDepth} indexes lead here`,
      );
    }
    const next = selectPlatform(document, plan.platform);
    bytes = await readOrFetch(deps.content, next, manifestBytes, async () => {
      return (await source.fetchByDigest(next, signal)).bytes;
    });
    descriptor = next;
  }
}

/** What the store has need not be fetched; what is damaged there goes and is fetched. */
async function readOrFetch(
  content: ContentStore,
  { digest, size }: Pick<Descriptor, "digest" | "size">,
  limitBytes: number,
  fetch: () => Promise<Buffer>,
): Promise<Buffer> {
  try {
    const bytes = await content.read(digest, limitBytes);
    if (bytes.length === size) return bytes;
    throw new StatusError(Code.InvalidArgument, `blob "${digest}": it has ${bytes.length} bytes, not ${size}`);
  } catch (reason) {
    if (hasCode(reason, Code.DataLoss)) await content.delete(digest);
    else if (!hasCode(reason, Code.NotFound)) throw reason;
  }
  return await fetch();
}

function layersOf(manifest: ImageManifest, config: ImageConfig): PullFacts["layers"] {
  const { layers } = manifest;
  const { diffIds } = config;
  if (layers.length !== diffIds.length) {
    throw new StatusError(
      Code.InvalidArgument,
      `image "${manifest.config.digest}": its manifest has ${layers.length} layers, its configuration ${diffIds.length}`,
    );
  }
  const chain = chainIds(diffIds);
  return layers.flatMap(({ digest, size, mediaType }, index) => {
    const [diffId, chainId] = [diffIds[index], chain[index]];
    return diffId && chainId ? [{ digest, size, mediaType, diffId, chainId }] : [];
  });
}

/** An image that says nothing of its platform is taken at its word that it runs anywhere. */
function refuseOtherPlatform(is: PlatformName, wanted: PlatformName): void {
  if (is.os === wanted.os && (is.architecture === "" || is.architecture === wanted.architecture)) return;
  throw new StatusError(
    Code.NotFound,
    `the image is for "${is.os}/${is.architecture}", wanted is "${wanted.os}/${wanted.architecture}"`,
  );
}
