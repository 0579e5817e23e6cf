import { deepEqual, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { attachment, listOf, openFakeCni } from "../testing/fake-cni.ts";
import { addressPlugin, failed, printed, type FakePlugin } from "../testing/fake-exec.ts";

const { signal } = new AbortController();

function speaking(...supportedVersions: readonly string[]): FakePlugin {
  const other = addressPlugin("10.0.0.2/24");
  return (run, signal) =>
    run.command === "VERSION" ? printed({ cniVersion: "1.0.0", supportedVersions }) : other(run, signal);
}

test("a plugin's versions are told, and one that does not know the verb is of 0.1.0", async () => {
  await using fake = await openFakeCni({
    one: speaking("0.4.0", "9.0.0"),
    old: () => failed(4, "unknown CNI_COMMAND: VERSION"),
    bad: () => printed('{"supportedVersions":"all"}'),
  });
  deepEqual(await fake.cni.version("one", signal), { cniVersion: "1.0.0", supportedVersions: ["0.4.0", "9.0.0"] });
  deepEqual((await fake.cni.version("old", signal)).supportedVersions, ["0.1.0"]);
  await rejects(fake.cni.version("bad", signal), { code: Code.Internal, message: /supportedVersions "all"/ });
});

test("a list with several versions is lowered to what all its plugins speak, also for DEL later", async () => {
  await using fake = await openFakeCni({
    one: speaking("0.4.0", "1.0.0", "1.1.0"),
    two: speaking("0.3.1", "0.4.0", "1.0.0"),
  });
  const list = listOf(["one", "two"], { list: { cniVersions: ["0.4.0", "1.0.0", "1.1.0"] } });
  await fake.cni.add(list, attachment, signal);
  deepEqual(fake.exec.stdinOf("two ADD")["cniVersion"], "1.0.0");
  await fake.cni.del(list, attachment, signal);
  deepEqual(fake.exec.stdinOf("two DEL")["cniVersion"], "1.0.0");
});

test("no common version is an error that names all sides, before any ADD", async () => {
  await using fake = await openFakeCni({ one: speaking("0.3.1") });
  const list = listOf(["one"], { list: { cniVersions: ["1.0.0", "1.1.0"] } });
  await rejects(fake.cni.add(list, attachment, signal), {
    code: Code.FailedPrecondition,
    message: /network "pods": it declares 1\.0\.0, 1\.1\.0; plugins speak: "one" 0\.3\.1/,
  });
  deepEqual(fake.exec.calls, ["one VERSION"]);
});

test("a list with one version is taken as it is, without asking", async () => {
  await using fake = await openFakeCni({ one: speaking("0.3.1") });
  await fake.cni.negotiate(listOf(["one"]), signal);
  deepEqual(fake.exec.calls, []);
});
