import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { critestImages } from "../../tests/conformance/images/critest-images.ts";
import { pushImage } from "../../tests/support/images/push-image.ts";
import { type Registry, startRegistry } from "../images/start-registry.ts";

/** What critest's containers run; it is the only image that these benchmarks pull. */
const repository = "e2e-test-images/busybox";

/** Starts a registry that has the image of critest's containers, and writes into `certsDir` that every image comes from there. */
export async function serveImage(dir: string, certsDir: string): Promise<Registry> {
  const registry = await startRegistry(dir);
  try {
    const url = `http://${registry.host}`;
    const wanted = critestImages().filter((image) => image.repository === repository);
    if (wanted.length === 0) throw new Error(`critest's images have no ${repository}`);
    for (const { tags, image } of wanted) await pushImage({ url }, repository, tags, image);
    mkdirSync(join(certsDir, "_default"), { recursive: true });
    // containerd finds a host only by the header of its table.
    writeFileSync(join(certsDir, "_default/hosts.toml"), `[host."${url}"]\ncapabilities = ["pull", "resolve"]\n`);
    return registry;
  } catch (reason) {
    await registry[Symbol.asyncDispose]();
    throw reason;
  }
}
