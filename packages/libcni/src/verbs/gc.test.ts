import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import type { StatusError } from "@crib/errdefs";

import { attachment, listOf, openFakeCni } from "../testing/fake-cni.ts";
import { addressPlugin, failed, printed } from "../testing/fake-exec.ts";

const { signal } = new AbortController();
const add = addressPlugin("10.0.0.2/24");

test("stale attachments of the network get DEL, then every plugin gets GC with the valid ones", async () => {
  await using fake = await openFakeCni({ one: add });
  const list = listOf(["one"]);
  for (const containerId of ["keep", "stale"]) await fake.cni.add(list, { ...attachment, containerId }, signal);
  await fake.cni.add(listOf(["one"], { name: "other" }), { ...attachment, containerId: "foreign" }, signal);
  await fake.cni.gc(list, [{ containerId: "keep", ifName: "eth0" }], signal);
  deepEqual(fake.exec.calls.slice(3), ["one DEL", "one GC"]);
  const env = fake.exec.runs[3]?.env;
  // The namespace of the stale one does not exist, which the plugin is told by an empty path.
  deepEqual([env?.["CNI_CONTAINERID"], env?.["CNI_NETNS"]], ["stale", ""]);
  const valid = [{ containerID: "keep", ifname: "eth0" }];
  const stdin = fake.exec.stdinOf("one GC");
  deepEqual([stdin["cni.dev/valid-attachments"], stdin["cni.dev/attachments"]], [valid, valid]);
  deepEqual((await fake.cni.cached()).map((entry) => entry.containerId).toSorted(), ["foreign", "keep"]);
});

test("before 1.1.0 only the cache is swept; disableGC does nothing", async () => {
  await using fake = await openFakeCni({ one: add });
  await fake.cni.add(listOf(["one"], { cniVersion: "1.0.0" }), attachment, signal);
  await fake.cni.gc(listOf(["one"], { list: { disableGC: true } }), [], signal);
  equal(fake.exec.runs.length, 1);
  await fake.cni.gc(listOf(["one"], { cniVersion: "1.0.0" }), [], signal);
  deepEqual(fake.exec.calls.slice(1), ["one DEL"]);
});

test("all is attempted and all errors come out", async () => {
  await using fake = await openFakeCni({
    one: (run, signal) => (run.command === "ADD" ? add(run, signal) : failed(5, `no ${run.command}`)),
    two: (run, signal) => (run.command === "ADD" ? add(run, signal) : printed("")),
  });
  await fake.cni.add(listOf(["one", "two"]), attachment, signal);
  await rejects(fake.cni.gc(listOf(["one", "two"]), [], signal), (error: StatusError) =>
    /no DEL.*no GC/.test(error.message),
  );
  deepEqual(fake.exec.calls.slice(2), ["two DEL", "one DEL", "one GC", "two GC"]);
});

test("no ADD of the network runs beside its GC", async () => {
  let inGc = false;
  await using fake = await openFakeCni({
    one: async (run, signal) => {
      equal(inGc, false);
      if (run.command !== "GC") return add(run, signal);
      inGc = true;
      await new Promise((resolve) => setTimeout(resolve, 20));
      inGc = false;
      return printed("");
    },
  });
  await Promise.all([
    fake.cni.gc(listOf(["one"]), [], signal),
    fake.cni.add(listOf(["one"]), attachment, signal),
    fake.cni.gc(listOf(["one"]), [{ containerId: "c1", ifName: "eth0" }], signal),
  ]);
  deepEqual(fake.exec.calls.toSorted(), ["one ADD", "one GC", "one GC"]);
});
