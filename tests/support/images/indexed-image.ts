import { imageArchitecture, testImage, type TestImage, testIndex } from "./image.ts";
import { testLayer } from "./layer.ts";

const shared = testLayer([
  { name: "./", type: "directory" },
  { name: "etc/", type: "directory" },
  { name: "etc/passwd", content: "root:x:0:0\n" },
]);

/** An image in an index, with six blobs in all: the lowest of its layers is the same for every number, two are its own. */
export function indexedImage(which: number): TestImage {
  const image = testImage([
    shared,
    testLayer([{ name: `file${which}`, content: `${which}`.repeat(500) }]),
    testLayer([{ name: `other${which}`, content: `${which}`.repeat(700) }], "none"),
  ]);
  return testIndex([{ image, platform: { architecture: imageArchitecture(), os: "linux" } }]);
}
