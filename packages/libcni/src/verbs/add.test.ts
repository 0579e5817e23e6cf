import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { PluginError } from "../plugin-error.ts";
import { attachment, listOf, openFakeCni } from "../testing/fake-cni.ts";
import { addressPlugin, failed, printed } from "../testing/fake-exec.ts";

const { signal } = new AbortController();

test("plugins run in order, each sees the result of the one before in the list's version", async () => {
  await using fake = await openFakeCni({ one: addressPlugin("10.0.0.2/24"), two: addressPlugin("fd00::2/64") });
  const result = await fake.cni.add(listOf(["one", "two"], { cniVersion: "0.4.0" }), attachment, signal);
  deepEqual(fake.exec.calls, ["one ADD", "two ADD"]);
  equal("prevResult" in fake.exec.stdinOf("one ADD"), false);
  deepEqual(fake.exec.stdinOf("two ADD")["prevResult"], {
    cniVersion: "0.4.0",
    interfaces: [{ name: "eth0", sandbox: "/run/netns/c1" }],
    ips: [{ version: "4", address: "10.0.0.2/24", interface: 0 }],
    routes: [],
    dns: {},
  });
  deepEqual(
    result.ips.map((ip) => ip.address),
    ["10.0.0.2/24", "fd00::2/64"],
  );
  deepEqual(await fake.cni.cachedResult("pods", "c1", "eth0"), result);
});

test("a plugin is told who it works for, by environment and configuration", async () => {
  await using fake = await openFakeCni(
    { one: addressPlugin("10.0.0.2/24") },
    { env: { PATH: "/bin", CNI_ARGS: "stray" } },
  );
  const list = listOf(["one"], { config: { mtu: 1400, name: "wrong", cniVersion: "0.1.0", prevResult: {} } });
  await fake.cni.add(
    list,
    {
      ...attachment,
      args: [
        ["IgnoreUnknown", "1"],
        ["K8S_POD_NAME", "web"],
      ],
      env: { CRIB_ROW: "sandbox/c1" },
    },
    signal,
  );
  deepEqual(fake.exec.runs[0]?.env, {
    PATH: "/bin",
    CRIB_ROW: "sandbox/c1",
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/run/netns/c1",
    CNI_IFNAME: "eth0",
    CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=web",
    CNI_PATH: "/fake",
  });
  deepEqual(fake.exec.stdinOf("one ADD"), { type: "one", mtu: 1400, name: "pods", cniVersion: "1.1.0" });
});

test("a capability reaches only the plugin that declares it", async () => {
  await using fake = await openFakeCni({ one: addressPlugin("10.0.0.2/24") });
  const capabilityArgs = { portMappings: [{ hostPort: 80 }], bandwidth: { ingressRate: 1 }, dns: undefined };
  const config = { capabilities: { portMappings: true, bandwidth: false, dns: true } };
  await fake.cni.add(listOf(["one"], { config }), { ...attachment, capabilityArgs }, signal);
  deepEqual(fake.exec.stdinOf("one ADD")["runtimeConfig"], { portMappings: [{ hostPort: 80 }] });
});

test("the first failure stops the chain, and the cache holds what DEL needs", async () => {
  await using fake = await openFakeCni({
    one: addressPlugin("10.0.0.2/24"),
    bad: () => failed(7, "bad bridge", "mtu too large"),
    three: addressPlugin("10.0.0.3/24"),
  });
  const list = listOf(["one", "bad", "three"]);
  await rejects(fake.cni.add(list, attachment, signal), (error: PluginError) => {
    ok(error instanceof PluginError);
    deepEqual([error.code, error.cniCode, error.details], [Code.InvalidArgument, 7, "mtu too large"]);
    equal(
      error.message,
      'CNI plugin "bad" ADD of container "c1" interface "eth0" in network "pods": bad bridge; mtu too large (CNI error 7)',
    );
    return true;
  });
  deepEqual(fake.exec.calls, ["one ADD", "bad ADD"]);
  const [cached] = await fake.cni.cached();
  deepEqual([cached?.list.bytes, cached?.result], [list.bytes, undefined]);
  await rejects(fake.cni.add(list, attachment, signal), {
    code: Code.AlreadyExists,
    message: /"c1" .* not undone by DEL/,
  });
});

test("the attachment is in the cache before the first plugin starts", async () => {
  let cachedWhileRunning = 0;
  await using fake = await openFakeCni({
    one: async () => {
      cachedWhileRunning = (await fake.cni.cached()).length;
      return printed({ ips: [] });
    },
  });
  await fake.cni.add(listOf(["one"]), attachment, signal);
  equal(cachedWhileRunning, 1);
});

test("a missing binary is found before anything is done", async () => {
  await using fake = await openFakeCni({ one: addressPlugin("10.0.0.2/24") });
  await rejects(fake.cni.add(listOf(["one", "missing"]), attachment, signal), { code: Code.FailedPrecondition });
  deepEqual(fake.exec.calls, []);
  deepEqual(await fake.cni.cached(), []);
});

test("output that is no result is an error that quotes it", async () => {
  for (const stdout of ["", "Segmentation fault", "[]", '{"cniVersion":"9.9.9"}', '{"ips":[{"address":"x"}]}']) {
    await using fake = await openFakeCni({ one: () => printed(stdout) });
    await rejects(fake.cni.add(listOf(["one"]), attachment, signal), (error: PluginError) => {
      equal(error.code, Code.Internal);
      equal(error.plugin, "one");
      match(error.message, /^CNI plugin "one" ADD of container "c1".*: reading its result: /);
      return true;
    });
  }
});

test("an error printed with exit code 0 is an error", async () => {
  await using fake = await openFakeCni({ one: () => ({ ...failed(11, "later"), exitCode: 0 }) });
  await rejects(fake.cni.add(listOf(["one"]), attachment, signal), { code: Code.Unavailable, cniCode: 11 });
});

test("a plugin that dies without a message is described by its end and its stderr", async () => {
  await using fake = await openFakeCni({
    silent: () => ({ exitCode: 3, killedBy: undefined, stdout: "", stderr: "" }),
    killed: () => ({ exitCode: undefined, killedBy: "SIGSEGV", stdout: "par", stderr: "panic\n" }),
  });
  await rejects(fake.cni.add(listOf(["silent"]), attachment, signal), /: exited with 3 without a message$/);
  await rejects(
    fake.cni.add(listOf(["killed"]), { ...attachment, containerId: "c2" }, signal),
    /: was killed by SIGSEGV and printed no CNI error: "par"; stderr: "panic"$/,
  );
});

test("stderr of a plugin that succeeded goes to the log", async () => {
  const heard: unknown[] = [];
  await using fake = await openFakeCni(
    { one: () => printed({ ips: [] }, "note\n") },
    { onStderr: (stderr) => heard.push(stderr) },
  );
  await fake.cni.add(listOf(["one"]), attachment, signal);
  deepEqual(heard, [{ plugin: "one", command: "ADD", containerId: "c1", text: "note\n" }]);
});

test("bad parameters are refused before a plugin is looked for", async () => {
  await using fake = await openFakeCni({});
  for (const change of [{ containerId: "../x" }, { ifName: "a/b" }, { netns: "" }, { args: [["a", "b;c=d"]] as const }])
    await rejects(fake.cni.add(listOf(["one"]), { ...attachment, ...change }, signal), { code: Code.InvalidArgument });
});

test("verbs of one container follow each other, those of others run beside, within the limit of processes", async () => {
  let open = 0;
  const openPerContainer = new Map<string, number>();
  await using fake = await openFakeCni(
    {
      one: async ({ env }) => {
        const id = env["CNI_CONTAINERID"] ?? "";
        openPerContainer.set(id, (openPerContainer.get(id) ?? 0) + 1);
        equal(openPerContainer.get(id), 1);
        open++;
        await new Promise((resolve) => setTimeout(resolve, 5));
        open--;
        openPerContainer.set(id, 0);
        return printed({ ips: [] });
      },
    },
    { maxProcesses: 3 },
  );
  const ids = Array.from({ length: 6 }, (_, index) => `c${index}`);
  await Promise.all(
    ids.flatMap((containerId) => [
      fake.cni.add(listOf(["one"], { name: "a" }), { ...attachment, containerId }, signal),
      fake.cni.add(listOf(["one"], { name: "b" }), { ...attachment, containerId, ifName: "eth1" }, signal),
      fake.cni.del(listOf(["one"], { name: "a" }), { ...attachment, containerId }, signal),
    ]),
  );
  equal(fake.exec.mostAtOnce, 3);
  equal(open, 0);
  equal(fake.exec.runs.length, 18);
});
