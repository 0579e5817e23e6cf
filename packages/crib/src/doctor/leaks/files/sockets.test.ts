import { deepEqual, equal } from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { markerEnv } from "@crib/core/sandbox";

import { findLeaks } from "../find-leaks.ts";
import { type LeakScene, makeLeakScene } from "../testing/leak-scene.ts";
import { listener, shimSocket, sleeper } from "../testing/plants.ts";
import type { Finding } from "../types.ts";

const skip = process.getuid?.() === 0 ? false : "needs root";

async function socketsOf({ config }: LeakScene): Promise<readonly Finding[]> {
  const { findings, problems } = await findLeaks(config);
  deepEqual(problems, []);
  return findings.filter(({ counter }) => counter === "sockets");
}

test("the socket of a shim is attributed by its name when any trace tells the id", { skip }, async () => {
  await using scene = await makeLeakScene();
  const id = scene.newId();
  const path = shimSocket(scene, id);
  await using _ = await listener(path);
  await mkdir(join(scene.runtimeRoot, "k8s.io", id), { recursive: true });
  const found = await socketsOf(scene);
  deepEqual(
    found.map((each) => [each.path, each.rowId]),
    [[path, id]],
  );
});

test("the socket of a shim is attributed by the process that listens", { skip }, async () => {
  await using scene = await makeLeakScene();
  const id = scene.newId();
  const path = join(scene.config.shimSocketDir, "of-another-naming");
  const program = `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("listening"))`;
  await using _ = await sleeper(
    "/usr/bin/containerd-shim-other-v1",
    markerEnv(scene.instance, id),
    [process.execPath, "-e", program],
    "listening",
  );
  equal((await socketsOf(scene))[0]?.path, path);
});

test("sockets of pods with rows, of others, and the daemon's own are not counted", { skip }, async () => {
  await using scene = await makeLeakScene();
  await using _1 = await listener(shimSocket(scene, await scene.addRow("ready")));
  await using _2 = await listener(shimSocket(scene, await scene.addRow("notready")));
  await using _3 = await listener(join(scene.config.shimSocketDir, "0".repeat(64)));
  await using _4 = await listener(join(scene.config.state, "crib.sock"));
  await using _5 = await listener(join(scene.config.state, "events.sock"));
  deepEqual(await socketsOf(scene), []);
});
