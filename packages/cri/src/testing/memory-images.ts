import type { Image, Images, PullRequest } from "@crib/core";
import { Code, StatusError } from "@crib/errdefs";
import {
  type Digest,
  digestOf,
  digestReference,
  formatReference,
  type ImageConfig,
  parseReference,
  tagReference,
} from "@crib/oci-spec";

/** An image with defaults for all that a test does not care about. */
export function imageRecord(more: Partial<Image> = {}): Image {
  const id: Digest = `sha256:${"a".repeat(64)}`;
  return {
    version: 1,
    id,
    state: "ready",
    createdAt: "2026-11-21T01:02:03.456Z",
    targets: [`sha256:${"b".repeat(64)}`],
    manifest: `sha256:${"b".repeat(64)}`,
    platform: { os: "linux", architecture: "amd64", variant: "" },
    layers: [],
    size: 1_234,
    unpacked: { bytes: 4_096, inodes: 3 },
    pinned: false,
    user: "",
    runs: [],
    repoTags: [],
    repoDigests: [],
    ...more,
  };
}

/**
 * Images in memory, for tests of what stands above them. What a reference leads to is what the registry in `served` says, by
 * canonical reference; by default each repository has an image of its own.
 */
export class MemoryImages implements Images {
  readonly images = new Map<Digest, Image>();
  readonly requests: PullRequest[] = [];
  readonly served = new Map<string, Partial<Image>>();
  /** Waited for by `pull`; a test replaces it to hold a pull or to make it fail. */
  beforePull: (request: PullRequest, signal: AbortSignal) => Promise<void> = async () => {};

  async pull(request: PullRequest, signal: AbortSignal): Promise<Image> {
    this.requests.push(request);
    const { reference } = request;
    request.onEvent?.({ kind: "resolving", reference: formatReference(reference) });
    await this.beforePull(request, signal);
    const served = this.served.get(formatReference(reference)) ?? {
      id: digestOf(`config of ${reference.repository}`),
      manifest: reference.digest ?? digestOf(`manifest of ${reference.repository}`),
    };
    const before = served.id && this.images.get(served.id);
    const image = imageRecord({ ...before, ...served });
    const tag = tagReference(reference);
    const digest = digestReference(reference, image.manifest);
    const pulled = {
      ...image,
      repoTags: [...new Set([...image.repoTags, ...(tag === undefined ? [] : [tag])])].toSorted(),
      repoDigests: [...new Set([...image.repoDigests, digest])].toSorted(),
    };
    this.images.set(pulled.id, pulled);
    request.onEvent?.({ kind: "done", imageId: pulled.id });
    return pulled;
  }

  find(name: string): Image | undefined {
    const all = this.list();
    const exact = all.find(({ id, targets }) => id === name || targets.includes(name as Digest));
    if (exact) return exact;
    if (/^(?:sha256:)?[0-9a-f]{12,64}$/.test(name)) {
      const found = all.filter(({ id }) => id.slice("sha256:".length).startsWith(name.replace("sha256:", "")));
      if (found.length === 1) return found[0];
    }
    try {
      const reference = parseReference(name);
      const wanted =
        reference.digest === undefined ? tagReference(reference) : digestReference(reference, reference.digest);
      return all.find(({ repoTags, repoDigests }) => [...repoTags, ...repoDigests].some((each) => each === wanted));
    } catch {
      return undefined;
    }
  }

  list(): readonly Image[] {
    return [...this.images.values()];
  }

  async config(id: Digest): Promise<ImageConfig> {
    throw new StatusError(Code.NotFound, `image "${id}": the fake keeps no configurations`);
  }

  async describe(id: Digest): Promise<Readonly<Record<string, unknown>>> {
    const image = this.images.get(id);
    if (!image) throw new StatusError(Code.NotFound, `image "${id}": not found`);
    return { id, layers: image.layers, size: image.size };
  }

  async remove(name: string): Promise<void> {
    const image = this.find(name);
    if (image) this.images.delete(image.id);
  }

  prepareSnapshot(name: string): never {
    throw new StatusError(Code.NotFound, `image "${name}": the fake makes no snapshots`);
  }

  async usage(): Promise<{ readonly bytes: number; readonly inodes: number }> {
    const all = this.list();
    return {
      bytes: all.reduce((sum, { unpacked }) => sum + unpacked.bytes, 0),
      inodes: all.reduce((sum, { unpacked }) => sum + unpacked.inodes, 0),
    };
  }
}
