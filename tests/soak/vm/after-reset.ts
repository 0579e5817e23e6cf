import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { eventually } from "../../support/eventually.ts";
import { noLeaks } from "./leaks.ts";
import { crictl, exec, image, inspect, runContainer, runPod, type StoryPod } from "./pods.ts";
import { check, say } from "./report.ts";
import { output, property } from "./service.ts";

const memory = "/var/lib/crib-vm-pods.json";

interface Remembered {
  readonly pods: readonly StoryPod[];
  readonly containers: readonly string[];
  readonly images: readonly string[];
}

const imageIds = async (): Promise<readonly string[]> =>
  (await crictl.text("images", "-q", "--no-trunc")).split("\n").filter(Boolean).toSorted();

/** Runs pods of both kinds that the reset finds running. */
export async function beforeReset(): Promise<void> {
  await check("two pods run", async () => {
    await crictl.text("pull", image);
    // Of checks that have failed.
    await crictl.text("rmp", "--force", "--all");
    const pods = [await runPod("reset", ""), await runPod("reset-paused", "", { pid: 0 })];
    const containers: string[] = [];
    for (const pod of pods) containers.push(await runContainer(pod, "main", "while :; do date; sleep 0.2; done"));
    const remembered: Remembered = { pods, containers, images: await imageIds() };
    writeFileSync(memory, JSON.stringify(remembered), { flush: true });
    // Only what a running system writes to disk of itself is there afterwards.
    await sleep(10_000);
  });
}

/** What became of pods, records, names and images. */
export async function afterReset(): Promise<void> {
  const { pods, containers, images } = JSON.parse(readFileSync(memory, "utf8")) as Remembered;
  await check("crib starts with the machine", async () => {
    await eventually(120_000, async () => equal(await property("ActiveState"), "active"));
    match(await crictl.text("version"), /RuntimeName: +crib\n/);
    equal(await property("NRestarts"), "0");
  });
  await check("pods are NOTREADY, their containers exited for an unknown reason", async () => {
    interface Pods {
      readonly items: readonly { readonly id: string; readonly state: string }[];
    }
    const { items } = await crictl.json<Pods>("pods");
    deepEqual(
      items.map(({ id, state }) => `${id} ${state}`).toSorted(),
      pods.map(({ id }) => `${id} SANDBOX_NOTREADY`).toSorted(),
    );
    for (const id of containers) {
      const { state, exitCode, reason } = (await inspect(id)).status;
      say(`container ${id.slice(0, 12)}: ${state} ${exitCode} ${reason}`);
      deepEqual([state, reason], ["CONTAINER_EXITED", "Unknown"]);
      notEqual(exitCode, 0);
    }
  });
  await check("images are intact", async () => {
    deepEqual(await imageIds(), images);
    match(await output("crib", "image", "verify"), /all sound/);
  });
  await check("the pods are removed", async () => {
    for (const { id } of pods) await crictl.text("rmp", "-f", id);
    deepEqual(await crictl.json("pods"), { items: [] });
    deepEqual(await crictl.json("ps", "-a"), { containers: [] });
  });
  await check("their names are free and new pods run", async () => {
    const pod = await runPod("reset", "");
    notEqual(pod.id, pods[0]?.id);
    const id = await runContainer(pod, "main", "sleep 1000");
    equal(await exec(id, "echo", "here"), "here");
    ok((await crictl.text("inspectp", pod.id)).includes("10.88."));
    await crictl.text("rmp", "-f", pod.id);
  });
  await check("nothing is left", noLeaks);
}
