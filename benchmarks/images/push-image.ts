import { openAsBlob } from "node:fs";

import type { Document, MadeImage } from "./make-images.ts";

/** Pushes an image to a registry over plain HTTP, by the OCI distribution specification. Gives its name: `host/bench/NAME:latest`. */
export async function pushImage(host: string, image: MadeImage): Promise<string> {
  const repository = `http://${host}/v2/bench/${image.recipe.name}`;
  for (const { file, digest } of image.layers) await pushBlob(repository, digest, await openAsBlob(file));
  await pushBlob(repository, image.config.digest, blobOf(image.config));
  await put(`${repository}/manifests/latest`, image.manifest.mediaType, blobOf(image.manifest));
  return `${host}/bench/${image.recipe.name}:latest`;
}

function blobOf({ bytes }: Document): Blob {
  return new Blob([new Uint8Array(bytes)]);
}

async function pushBlob(repository: string, digest: string, body: Blob): Promise<void> {
  const answer = await fetch(`${repository}/blobs/uploads/`, { method: "POST" });
  const location = answer.headers.get("location");
  if (location === null) throw new Error(`pushing to ${repository}: no upload location, status ${answer.status}`);
  const target = new URL(location, repository);
  target.searchParams.set("digest", digest);
  await put(target.href, "application/octet-stream", body);
}

async function put(url: string, mediaType: string, body: Blob): Promise<void> {
  const answer = await fetch(url, { method: "PUT", headers: { "content-type": mediaType }, body });
  if (answer.status !== 201) throw new Error(`pushing to ${url}: status ${answer.status}: ${await answer.text()}`);
}
