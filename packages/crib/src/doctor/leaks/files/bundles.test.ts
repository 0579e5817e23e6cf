import { deepEqual } from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { findLeaks } from "../find-leaks.ts";
import { makeLeakScene } from "../testing/leak-scene.ts";

const skip = process.getuid?.() === 0 ? false : "needs root";

test("logs and volumes of the command line are a leak when their pod is gone", { skip }, async () => {
  await using scene = await makeLeakScene();
  const path = join(scene.config.root, "cli/pods/0b8c7d5e-0000-4000-8000-000000000000");
  await mkdir(path, { recursive: true });
  const { findings } = await findLeaks(scene.config);
  deepEqual(
    findings.map((finding) => [finding.counter, finding.path]),
    [["bundles", path]],
  );
});
