import { deepEqual, equal, rejects } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";

import { PluginError } from "../plugin-error.ts";
import { attachment, listOf, openFakeCni } from "../testing/fake-cni.ts";
import { addressPlugin, failed, printed, type FakePlugin } from "../testing/fake-exec.ts";

const { signal } = new AbortController();
const gone = { ...attachment, netns: "" };

/** Adds an address; its DEL answers as told. */
function delPlugin(answer: FakePlugin): FakePlugin {
  const add = addressPlugin("10.0.0.2/24");
  return (run, signal) => (run.command === "DEL" ? answer(run, signal) : add(run, signal));
}

test("plugins run in reverse with the cached configuration, result and arguments, then nothing is cached", async () => {
  await using fake = await openFakeCni({ one: addressPlugin("10.0.0.2/24"), two: addressPlugin("10.0.0.3/24") });
  const config = { mtu: 1400, capabilities: { ips: true } };
  const given = { ...attachment, args: [["A", "1"]] as const, capabilityArgs: { ips: ["10.0.0.2"] } };
  await fake.cni.add(listOf(["one", "two"], { config }), given, signal);
  // The file changed since, and the namespace is gone.
  await fake.cni.del(listOf(["other"]), gone, signal);
  deepEqual(fake.exec.calls.slice(2), ["two DEL", "one DEL"]);
  for (const call of ["two DEL", "one DEL"]) {
    const stdin = fake.exec.stdinOf(call);
    deepEqual(stdin["mtu"], 1400);
    deepEqual(stdin["runtimeConfig"], { ips: ["10.0.0.2"] });
    deepEqual(
      (stdin["prevResult"] as { ips: { address: string }[] }).ips.map((ip) => ip.address),
      ["10.0.0.2/24", "10.0.0.3/24"],
    );
  }
  const env = fake.exec.runs[3]?.env;
  deepEqual([env?.["CNI_NETNS"], env?.["CNI_ARGS"]], ["", "A=1"]);
  deepEqual(await fake.cni.cached(), []);
});

test("without a list the cache alone is enough, for every network of the interface; nothing cached is success", async () => {
  await using fake = await openFakeCni({ one: addressPlugin("10.0.0.2/24") });
  await fake.cni.add(listOf(["one"], { name: "a" }), attachment, signal);
  await fake.cni.add(listOf(["one"], { name: "b" }), { ...attachment, containerId: "c2" }, signal);
  await fake.cni.del(undefined, gone, signal);
  deepEqual(fake.exec.calls.filter((call) => call === "one DEL").length, 1);
  deepEqual(
    (await fake.cni.cached()).map((entry) => entry.containerId),
    ["c2"],
  );
  await fake.cni.del(undefined, gone, signal);
  await fake.cni.del(undefined, { ...gone, ifName: "eth7" }, signal);
});

test("a list with nothing cached runs without prevResult, as after a lost cache", async () => {
  await using fake = await openFakeCni({ one: addressPlugin("10.0.0.2/24") });
  await fake.cni.del(listOf(["one"]), gone, signal);
  equal("prevResult" in fake.exec.stdinOf("one DEL"), false);
});

test("before 0.4.0 no prevResult is given", async () => {
  await using fake = await openFakeCni({ one: addressPlugin("10.0.0.2/24") });
  await fake.cni.add(listOf(["one"], { cniVersion: "0.3.1" }), attachment, signal);
  await fake.cni.del(undefined, gone, signal);
  equal("prevResult" in fake.exec.stdinOf("one DEL"), false);
});

test("an unreadable cache file gives way to the list, and without one is an error that names it", async () => {
  await using fake = await openFakeCni({ one: addressPlugin("10.0.0.2/24") });
  await fake.cni.add(listOf(["one"]), attachment, signal);
  const file = join(fake.cacheDir, "results", "pods-c1-eth0");
  await writeFile(file, "garbage");
  deepEqual(
    (await fake.cni.cacheProblems()).map((problem) => problem.file),
    [file],
  );
  await rejects(fake.cni.del(undefined, gone, signal), { code: Code.DataLoss, message: /pods-c1-eth0/ });
  await fake.cni.del(listOf(["one"]), gone, signal);
  deepEqual(await fake.cni.cacheProblems(), []);
});

test("a failing plugin does not keep the others from running, and the cache until all succeeded", async () => {
  let failures = 3;
  await using fake = await openFakeCni({
    first: delPlugin(() => (failures > 0 ? failed(5, "disk error") : printed(""))),
    middle: delPlugin(() => (failures-- > 0 ? failed(11, "busy") : printed(""))),
    last: delPlugin(() => printed("not looked at")),
  });
  await fake.cni.add(listOf(["first", "middle", "last"]), attachment, signal);
  const before = fake.exec.runs.length;
  for (const left of [2, 1, 0]) {
    await rejects(fake.cni.del(undefined, gone, signal), (error: StatusError) => {
      equal(/busy.*; .*disk error/.test(error.message) || left === 0, true);
      return error.code === Code.Unavailable;
    });
    equal((await fake.cni.cached()).length, 1);
  }
  deepEqual(fake.exec.calls.slice(before, before + 3), ["last DEL", "middle DEL", "first DEL"]);
  await fake.cni.del(undefined, gone, signal);
  deepEqual(await fake.cni.cached(), []);
});

test("words and codes that mean there is nothing to undo are success", async () => {
  const answers = [
    failed(3, "unknown container"),
    failed(100, "Link not found"),
    failed(100, 'failed to Statfs "/run/netns/x": no such file or directory'),
  ];
  for (const answer of answers) {
    await using fake = await openFakeCni({ one: delPlugin(() => answer) });
    await fake.cni.add(listOf(["one"]), attachment, signal);
    await fake.cni.del(undefined, gone, signal);
    deepEqual(await fake.cni.cached(), []);
  }
});

test("a program that the plugin misses undid nothing, and is an error", async () => {
  const answers = [
    failed(999, 'exec: "iptables": executable file not found in $PATH'),
    failed(999, "fork/exec /usr/sbin/iptables: no such file or directory"),
    failed(999, 'failed to find plugin "host-local" in path [/opt/cni/bin]: not found'),
    { exitCode: 127, killedBy: undefined, stdout: "", stderr: "sh: jq: not found" },
  ];
  for (const answer of answers) {
    await using fake = await openFakeCni({ one: delPlugin(() => answer) });
    await fake.cni.add(listOf(["one"]), attachment, signal);
    await rejects(fake.cni.del(undefined, gone, signal), (error: unknown) => error instanceof PluginError);
    equal((await fake.cni.cached()).length, 1);
  }
});

test("a missing binary is an error, but the rest of the chain is undone", async () => {
  await using fake = await openFakeCni({ one: addressPlugin("10.0.0.2/24") });
  await rejects(fake.cni.del(listOf(["missing", "one"]), gone, signal), { code: Code.FailedPrecondition });
  deepEqual(fake.exec.calls, ["one DEL"]);
});

test("a plugin that no longer speaks the list's version is undone at one it speaks", async () => {
  await using fake = await openFakeCni({
    one: ({ command, stdin }) => {
      if (command === "VERSION") return printed({ cniVersion: "1.0.0", supportedVersions: ["0.3.1", "1.0.0"] });
      const { cniVersion } = JSON.parse(stdin) as { cniVersion: string };
      return cniVersion === "1.1.0" ? failed(1, "incompatible CNI versions") : printed("");
    },
  });
  await rejects(fake.cni.add(listOf(["one"]), attachment, signal), {
    code: Code.FailedPrecondition,
    cniCode: 1,
    message: /the network's version is 1\.1\.0, the plugin speaks 0\.3\.1, 1\.0\.0$/,
  });
  await fake.cni.del(undefined, attachment, signal);
  equal(fake.exec.stdinOf("one DEL")["cniVersion"], "1.0.0");
  deepEqual(await fake.cni.cached(), []);
});

test("an abort ends the chain, a budget only the one plugin", async () => {
  const late = (run: { plugin: string }): never => {
    throw new PluginError(Code.DeadlineExceeded, "killed: not found", { plugin: run.plugin, command: "DEL" });
  };
  const controller = new AbortController();
  await using fake = await openFakeCni({ one: delPlugin(() => printed("")), late: delPlugin(late) });
  await fake.cni.add(listOf(["one", "late"]), attachment, signal);
  await rejects(fake.cni.del(undefined, gone, signal), { code: Code.DeadlineExceeded });
  deepEqual(fake.exec.calls.slice(2), ["late DEL", "one DEL"]);
  controller.abort();
  await rejects(fake.cni.del(undefined, gone, controller.signal), { code: Code.Canceled });
  deepEqual(fake.exec.calls.length, 4);
});

test("DEL of an attachment whose ADD still runs waits for it, and is not taken for nothing to do", async () => {
  await using fake = await openFakeCni({
    one: async ({ command }) => {
      if (command === "ADD") await new Promise((resolve) => setTimeout(resolve, 20));
      return printed({ ips: [] });
    },
  });
  const adding = fake.cni.add(listOf(["one"]), attachment, signal);
  await Promise.all([adding, fake.cni.del(undefined, gone, signal)]);
  deepEqual(fake.exec.calls, ["one ADD", "one DEL"]);
  deepEqual(await fake.cni.cached(), []);
});
