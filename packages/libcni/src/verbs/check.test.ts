import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { attachment, listOf, openFakeCni } from "../testing/fake-cni.ts";
import { addressPlugin, failed } from "../testing/fake-exec.ts";

const { signal } = new AbortController();
const add = addressPlugin("10.0.0.9/24");

test("plugins check in the order of ADD against the cached result; the first failure is the answer", async () => {
  await using fake = await openFakeCni({
    one: addressPlugin("10.0.0.2/24"),
    bad: (run, signal) => (run.command === "CHECK" ? failed(100, "address is gone") : add(run, signal)),
    three: addressPlugin("10.0.0.3/24"),
  });
  const list = listOf(["one", "bad", "three"]);
  await fake.cni.add(list, attachment, signal);
  await rejects(fake.cni.check(list, attachment, signal), { cniCode: 100 });
  deepEqual(fake.exec.calls.slice(3), ["one CHECK", "bad CHECK"]);
  equal("prevResult" in fake.exec.stdinOf("one CHECK"), true);
});

test("what cannot be checked says so, and disableCheck does nothing", async () => {
  await using fake = await openFakeCni({ one: addressPlugin("10.0.0.2/24") });
  await rejects(fake.cni.check(listOf(["one"]), attachment, signal), { code: Code.FailedPrecondition });
  await fake.cni.check(listOf(["one"], { list: { disableCheck: true } }), attachment, signal);
  await fake.cni.add(listOf(["one"], { cniVersion: "0.3.1" }), attachment, signal);
  await rejects(fake.cni.check(listOf(["one"]), attachment, signal), { code: Code.Unimplemented });
  deepEqual(fake.exec.calls, ["one ADD"]);
});
