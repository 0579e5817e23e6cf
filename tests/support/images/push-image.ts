import type { TestImage, TestManifest } from "./image.ts";

/** Where to push to, and as whom. */
export interface PushTarget {
  /** Such as `http://127.0.0.1:5000`. */
  readonly url: string;
  /** Value of the Authorization header for what is done to a repository. Default: none. */
  readonly authorization?: (repository: string) => string;
}

/** Puts an image into a repository by the distribution protocol ("Pushing Blobs", "Pushing Manifests") under tags, or its digest only. */
export async function pushImage(
  target: PushTarget,
  repository: string,
  tags: readonly string[],
  image: TestImage,
): Promise<void> {
  for (const [digest, blob] of image.blobs) await pushBlob(target, repository, digest, blob);
  for (const manifest of image.manifests) await pushManifest(target, repository, manifest.digest, manifest);
  for (const tag of tags.length > 0 ? tags : [image.top.digest]) await pushManifest(target, repository, tag, image.top);
}

async function pushBlob(target: PushTarget, repository: string, digest: string, blob: Buffer): Promise<void> {
  const blobs = `${target.url}/v2/${repository}/blobs`;
  const headers = headersOf(target, repository);
  if ((await fetch(`${blobs}/${digest}`, { method: "HEAD", headers })).ok) return;
  const begun = await expectOk(await fetch(`${blobs}/uploads/`, { method: "POST", headers }));
  const location = new URL(begun.headers.get("location") ?? "", target.url);
  location.searchParams.set("digest", digest);
  const more = { "content-type": "application/octet-stream" };
  await expectOk(
    await fetch(location, { method: "PUT", headers: { ...headers, ...more }, body: new Uint8Array(blob) }),
  );
}

async function pushManifest(
  target: PushTarget,
  repository: string,
  reference: string,
  { bytes, mediaType }: TestManifest,
): Promise<void> {
  await expectOk(
    await fetch(`${target.url}/v2/${repository}/manifests/${reference}`, {
      method: "PUT",
      headers: { ...headersOf(target, repository), "content-type": mediaType },
      body: new Uint8Array(bytes),
    }),
  );
}

function headersOf({ authorization }: PushTarget, repository: string): Record<string, string> {
  return authorization === undefined ? {} : { authorization: authorization(repository) };
}

async function expectOk(response: Response): Promise<Response> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text}`);
  return response;
}
