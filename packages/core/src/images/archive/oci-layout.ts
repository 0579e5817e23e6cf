import {
  type Descriptor,
  type ImageReference,
  parseBoundedJson,
  parseManifest,
  parseReference,
  selectPlatform,
} from "@crib/oci-spec";

import { CollectedImages } from "./collect-images.ts";
import { badArchive, type ImageResolver } from "./resolve-image.ts";
import type { ArchivedImage } from "./types.ts";

/** Under this annotation containerd and Docker write a whole name. */
export const imageNameAnnotation = "io.containerd.image.name";
/** OCI image specification, "Pre-Defined Annotation Keys": a tag, or whatever else a tool calls an image. */
export const refNameAnnotation = "org.opencontainers.image.ref.name";

const versionForm = /^1\.[0-9]+\.[0-9]+$/;

function checkLayoutVersion(bytes: Buffer): void {
  const value = parseBoundedJson(bytes, { bytes: 4_096 }, 'reading image archive: "oci-layout"');
  const version = (value as { imageLayoutVersion?: unknown } | null)?.imageLayoutVersion;
  if (typeof version !== "string" || !versionForm.test(version)) {
    throw badArchive('"oci-layout" has no imageLayoutVersion of 1.x');
  }
}

/** The whole name that an entry has. A tag alone names nothing, and what is no name of an image is not taken for one. */
function nameOf({ annotations }: Descriptor): ImageReference | undefined {
  const whole = annotations?.[imageNameAnnotation];
  if (whole !== undefined && whole !== "") return parseReference(whole);
  const text = annotations?.[refNameAnnotation] ?? "";
  if (!/[/:]/.test(text)) return undefined;
  try {
    return parseReference(text);
  } catch {
    // Names in this annotation need not be those of images: its grammar is wider.
    return undefined;
  }
}

interface NamedEntries {
  readonly names: readonly ImageReference[];
  readonly entries: Descriptor[];
}

/** Entries of one name are one image for several platforms; those without are images of their own. */
function groupByName(entries: readonly Descriptor[]): readonly NamedEntries[] {
  const groups = new Map<string | Descriptor, NamedEntries>();
  for (const entry of entries) {
    const name = nameOf(entry);
    const key = name === undefined ? entry : JSON.stringify(name);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { names: name === undefined ? [] : [name], entries: [entry] });
    else group.entries.push(entry);
  }
  return [...groups.values()];
}

/** The images of an OCI layout (OCI image layout specification). Errors: as of ImageResolver and CollectedImages. */
export async function readLayout(
  resolver: ImageResolver,
  documents: { readonly layout: Buffer; readonly index: Buffer },
): Promise<readonly ArchivedImage[]> {
  checkLayoutVersion(documents.layout);
  const index = parseManifest(documents.index);
  if (index.kind !== "index") throw badArchive('"index.json" is no index');
  const images = new CollectedImages();
  for (const { names, entries } of groupByName(index.manifests)) {
    await images.add(names, async () =>
      resolver.resolve(selectPlatform({ ...index, manifests: entries }, resolver.platform)),
    );
  }
  return images.finish();
}
