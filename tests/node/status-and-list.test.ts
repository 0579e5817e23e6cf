import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";
import { PodSandboxState } from "@crib/wire/cri";

import { needsRoot } from "../support/needs-root.ts";
import { startNode } from "../support/start-node.ts";

test("what the CRI tells of pods", needsRoot, async (t) => {
  const node = await startNode(t);
  const { runtime } = node.cri;
  const web = await node.runPod({
    name: "web",
    change: (config) => ({
      ...config,
      labels: { app: "web", tier: "front" },
      annotations: { "example.com/owner": "blue", "example.com/empty": "" },
      metadata: { ...config.metadata, attempt: 3 },
    }),
  });
  const database = await node.runPod({
    name: "database",
    handler: "paused",
    change: (config) => ({ ...config, labels: { app: "db", tier: "back" } }),
  });
  const stopped = await node.runPod({ name: "stopped", change: (config) => ({ ...config, labels: { app: "web" } }) });
  await stopped.stop();

  await t.test("status has all that the pod was asked for with", async () => {
    const status = await web.status();
    deepEqual(status.labels, { app: "web", tier: "front" });
    deepEqual(status.annotations, { "example.com/owner": "blue", "example.com/empty": "" });
    const { name, uid, namespace, attempt } = status.metadata ?? {};
    deepEqual([name, uid, namespace, attempt], ["web", web.config.metadata?.uid, "default", 3]);
    equal(status.state, PodSandboxState.SANDBOX_READY);
    equal(status.runtimeHandler, "runc", "the default one, which it asked for by asking for none");
    equal((await database.status()).runtimeHandler, "paused");
    const age = Date.now() - Number(status.createdAt / 1_000_000n);
    ok(age >= 0 && age < 600_000, `created ${age} ms ago`);
  });

  await t.test("verbose status tells configuration, network, namespaces, controller and timings", async () => {
    const info = await web.info();
    equal((info.config["metadata"] as Readonly<Record<string, unknown>>)["name"], "web");
    match(JSON.stringify(info.config), /"log_directory":"[^"]*\/logs\/web"/);
    const [result] = info.cniResult as readonly { readonly ips: readonly { readonly address: string }[] }[];
    equal(result?.ips[0]?.address, `${await web.address()}/24`);
    equal(info.namespaces["net"], web.netns);
    equal(info.controller, "podsandbox");
    equal(info.netNamespaceClosed, false);
    equal(info.sandboxMetadata["ip"], await web.address());
    const run = info.timings.find(({ flow }) => flow === "RunPodSandbox");
    equal(run?.outcome, "done");
    ok(run.steps.some(({ step }) => step === "network.attach"));
    for (const { step, startMs, endMs } of run.steps) ok(startMs <= endMs && endMs <= run.durationMs + 1, step);
    equal(info.problem, undefined);
  });

  await t.test("verbose status of a pod with a process has its pid and its OCI specification", async () => {
    const info = await database.info();
    ok(info.pid > 0);
    equal(info.processStatus, "running");
    equal(info.controllerInfo?.info?.["pid"], String(info.pid));
    equal(info.controllerInfo.platform?.os, "linux");
    equal(info.controllerInfo.problem, undefined);
    const process = info.runtimeSpec?.["process"] as { readonly args: readonly string[] } | undefined;
    match(process?.args[0] ?? "", /pause/);
  });

  await t.test("status without verbose has no info", async () => {
    deepEqual((await runtime.podSandboxStatus({ podSandboxId: web.id })).info, {});
  });

  await t.test("a stopped pod says how it ended, and has its stop's timings", async () => {
    const info = await stopped.info();
    equal(info.processStatus, "deleted");
    equal(info.exit?.exitCode, 0);
    ok(info.timings.some(({ flow }) => flow === "StopPodSandbox"));
  });

  const everything = [web.id, database.id, stopped.id].toSorted();
  const lists: readonly (readonly [string, Parameters<typeof runtime.listPodSandbox>[0], readonly string[]])[] = [
    ["no filter lists all", {}, everything],
    ["an empty filter lists all", { filter: {} }, everything],
    ["an id lists one", { filter: { id: web.id } }, [web.id]],
    ["the start of an id lists one", { filter: { id: web.id.slice(0, 12) } }, [web.id]],
    ["an unknown id lists none", { filter: { id: "f".repeat(64) } }, []],
    ["what is no id lists none", { filter: { id: "../../etc" } }, []],
    ["READY lists those", { filter: { state: { state: PodSandboxState.SANDBOX_READY } } }, [web.id, database.id]],
    ["NOTREADY lists those", { filter: { state: { state: PodSandboxState.SANDBOX_NOTREADY } } }, [stopped.id]],
    ["a label lists those that have it", { filter: { labelSelector: { app: "web" } } }, [web.id, stopped.id]],
    ["two labels list those that have both", { filter: { labelSelector: { app: "web", tier: "front" } } }, [web.id]],
    ["a label with another value lists none", { filter: { labelSelector: { app: "we" } } }, []],
    ["a label's value is not a name of an object's own", { filter: { labelSelector: { constructor: "" } } }, []],
    [
      "all conditions must hold",
      {
        filter: {
          id: stopped.id,
          state: { state: PodSandboxState.SANDBOX_NOTREADY },
          labelSelector: { app: "web" },
        },
      },
      [stopped.id],
    ],
    [
      "one that does not hold is enough to list none",
      { filter: { id: stopped.id, state: { state: PodSandboxState.SANDBOX_READY } } },
      [],
    ],
  ];
  for (const [name, request, expected] of lists) {
    await t.test(`list: ${name}, also streamed`, async () => {
      const { items } = await runtime.listPodSandbox(request);
      deepEqual(items.map(({ id }) => id).toSorted(), [...expected].toSorted());
      const streamed: string[] = [];
      const { filter } = request as { readonly filter?: object };
      for await (const { podSandboxes } of runtime.streamPodSandboxes({ ...(filter && { filter }) }))
        streamed.push(...podSandboxes.map(({ id }) => id));
      deepEqual(streamed.toSorted(), [...expected].toSorted());
    });
  }

  await t.test("every call takes the start of an id", async () => {
    const prefix = stopped.id.slice(0, 10);
    equal((await runtime.podSandboxStatus({ podSandboxId: prefix })).status?.id, stopped.id);
    await runtime.stopPodSandbox({ podSandboxId: prefix });
    await runtime.removePodSandbox({ podSandboxId: prefix });
    equal((await node.list()).has(stopped.id), false);
  });

  await t.test("a start that several ids have is refused, also by the calls that succeed on unknown ids", async () => {
    // Two of seventeen pods have the same first digit.
    const pods = [];
    while (pods.length < 17) pods.push(await runHostPod());
    const digits = pods.map(([digit]) => digit);
    const twice = digits.find((digit, index) => digits.indexOf(digit) !== index) ?? "";
    for (const call of [runtime.podSandboxStatus, runtime.stopPodSandbox, runtime.removePodSandbox])
      await rejects(call({ podSandboxId: twice }), { code: Code.InvalidArgument });
  });

  async function runHostPod(): Promise<string> {
    const pod = await node.runPod({
      change: (config) => ({
        ...config,
        linux: { ...config.linux, securityContext: { namespaceOptions: { network: 2, pid: 1, ipc: 2 } } },
      }),
    });
    return pod.id;
  }

  await t.test(
    "an unknown id is NotFound for status, and success for stop and remove; an empty one is refused",
    async () => {
      const unknown = { podSandboxId: "0".repeat(64) };
      await rejects(runtime.podSandboxStatus(unknown), { code: Code.NotFound });
      await runtime.stopPodSandbox(unknown);
      await runtime.removePodSandbox(unknown);
      for (const call of [runtime.podSandboxStatus, runtime.stopPodSandbox, runtime.removePodSandbox])
        await rejects(call({ podSandboxId: "" }), { code: Code.InvalidArgument });
    },
  );

  await t.test("an unknown runtime handler is refused, naming those that exist", async () => {
    await rejects(node.runPod({ handler: "kata" }), (reason: StatusError) => {
      equal(reason.code, Code.InvalidArgument);
      match(reason.message, /"?kata"?/);
      match(reason.message, /runc/);
      match(reason.message, /paused/);
      return true;
    });
  });

  await t.test("a request without configuration or name is refused with the field's name", async () => {
    await rejects(runtime.runPodSandbox({}), { code: Code.InvalidArgument });
    for (const field of ["name", "namespace", "uid"]) {
      const metadata = { name: "a", namespace: "b", uid: "c", attempt: 0, [field]: "" };
      await rejects(runtime.runPodSandbox({ config: { metadata } }), (reason: StatusError) => {
        equal(reason.code, Code.InvalidArgument);
        match(reason.message, new RegExp(`config\\.metadata\\.${field}`));
        return true;
      });
    }
  });
});
