import { equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { createImageFs } from "./image-fs.ts";

const { signal } = new AbortController();

test("calls at the same time share one measurement, and a failed one is not kept", async () => {
  let measured = 0;
  let fail = true;
  const imageFs = createImageFs(
    {
      usage: async () => {
        measured++;
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (fail) throw new Error("no");
        return { bytes: 4_096 * measured, inodes: 3 };
      },
    },
    "/root",
  );
  await Promise.all([rejects(imageFs(signal)), rejects(imageFs(signal))]);
  equal(measured, 1);
  fail = false;
  const [{ images, containers }, again] = await Promise.all([imageFs(signal), imageFs(signal)]);
  equal(measured, 2);
  equal(images.usedBytes, 8_192n);
  equal(images.mountpoint, "/root");
  equal(containers.inodesUsed, 3n);
  equal(again.images, images);
  equal((await imageFs(signal)).images, images);
});

test("whoever gives up does not wait, and does not end what others wait for", async () => {
  const held = Promise.withResolvers<{ bytes: number; inodes: number }>();
  const imageFs = createImageFs({ usage: () => held.promise }, "/root");
  const impatient = imageFs(AbortSignal.timeout(5));
  const patient = imageFs(signal);
  await rejects(impatient, { name: "TimeoutError" });
  held.resolve({ bytes: 1, inodes: 1 });
  equal((await patient).images.usedBytes, 1n);
});
