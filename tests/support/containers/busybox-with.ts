import { baseEntries } from "../images/base-layer.ts";
import { type ImageOptions, type TestImage, testImage } from "../images/image.ts";
import { type TestLayer, testLayer } from "../images/layer.ts";
import type { TarEntry } from "../images/tar-archive.ts";

let base: TestLayer | undefined;

/** An image with a shell and a second layer of its own. All of them share the first, which is pulled and unpacked once. */
export function busyboxWith(more: readonly TarEntry[], options: ImageOptions = {}): TestImage {
  base ??= testLayer(baseEntries());
  return testImage(more.length === 0 ? [base] : [base, testLayer(more)], options);
}
