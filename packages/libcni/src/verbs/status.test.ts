import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { listOf, openFakeCni } from "../testing/fake-cni.ts";
import { addressPlugin, failed } from "../testing/fake-exec.ts";

const { signal } = new AbortController();

test("from 1.1.0 on every plugin is asked, without a container; the first failure is the answer", async () => {
  await using fake = await openFakeCni({ one: addressPlugin("10.0.0.2/24"), bad: () => failed(50, "agent is down") });
  await fake.cni.status(listOf(["one"]), signal);
  deepEqual(fake.exec.runs[0]?.env, { PATH: "/bin", CNI_COMMAND: "STATUS", CNI_PATH: "/fake" });
  equal(fake.exec.stdinOf("one STATUS")["name"], "pods");
  await rejects(fake.cni.status(listOf(["bad", "one"]), signal), { code: Code.Unavailable, cniCode: 50 });
  deepEqual(fake.exec.calls, ["one STATUS", "bad STATUS"]);
});

test("before 1.1.0 nothing runs, but a missing binary is told", async () => {
  await using fake = await openFakeCni({ one: addressPlugin("10.0.0.2/24") });
  await fake.cni.status(listOf(["one"], { cniVersion: "1.0.0" }), signal);
  deepEqual(fake.exec.calls, []);
  await rejects(fake.cni.status(listOf(["one", "missing"], { cniVersion: "1.0.0" }), signal), {
    code: Code.FailedPrecondition,
  });
});
