import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { ContainerEventType, ContainerState } from "@crib/wire/cri";

import { busyboxWith } from "../support/containers/busybox-with.ts";
import { startContainerNode } from "../support/containers/container-node.ts";
import type { ContainerConfig } from "../support/containers/container.ts";
import { countingScript, rotateLog } from "../support/containers/log-rotations.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";

const { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED } = ContainerState;

const nameOf = (type: number): string =>
  Object.entries(ContainerEventType).find(([, value]) => value === type)?.[0] ?? `${type}`;

const labelled =
  (labels: Readonly<Record<string, string>>) =>
  (config: ContainerConfig): ContainerConfig => ({ ...config, labels, annotations: { note: "kept\nas it is" } });

test("what is shown of containers", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const { node } = scene;
  const { runtime } = node.cri;

  await t.test("lists are of all, or of those that every condition fits", async () => {
    const [one, two] = [await node.runPod(), await node.runPod()];
    const created = await scene.createContainer(one, { change: labelled({ tier: "a", role: "x" }) });
    const running = await scene.runContainer(one, { change: labelled({ tier: "a" }) });
    const exited = await scene.runContainer(two, { script: "exit 3", change: labelled({ tier: "b" }) });
    await exited.ended();
    const all = [created.id, running.id, exited.id];
    const filters: readonly (readonly [object, readonly string[]])[] = [
      [{}, all],
      [{ id: running.id }, [running.id]],
      [{ id: running.id.slice(0, 12) }, [running.id]],
      [{ podSandboxId: one.id }, [created.id, running.id]],
      [{ podSandboxId: two.id.slice(0, 12) }, [exited.id]],
      [{ state: { state: CONTAINER_CREATED } }, [created.id]],
      [{ state: { state: CONTAINER_RUNNING } }, [running.id]],
      [{ state: { state: CONTAINER_EXITED } }, [exited.id]],
      [{ labelSelector: { tier: "a" } }, [created.id, running.id]],
      [{ labelSelector: { tier: "a", role: "x" } }, [created.id]],
      [{ labelSelector: { tier: "a" }, state: { state: CONTAINER_EXITED } }, []],
      [{ id: running.id, podSandboxId: two.id }, []],
      [{ id: "no-such" }, []],
    ];
    for (const [filter, ids] of filters) {
      const { containers } = await runtime.listContainers({ filter });
      deepEqual(containers.map(({ id }) => id).toSorted(), ids.toSorted(), JSON.stringify(filter));
      const streamed: string[] = [];
      for await (const { containers } of runtime.streamContainers({ filter }))
        streamed.push(...containers.map(({ id }) => id));
      deepEqual(streamed.toSorted(), ids.toSorted(), JSON.stringify(filter));
    }
    await Promise.all([one.remove(), two.remove()]);
    deepEqual((await runtime.listContainers({})).containers, []);
  });

  await t.test("a status has all that was asked for and all that became of it", async () => {
    const name = scene.serve(busyboxWith([{ name: "etc/status", content: "" }]));
    const imageId = await scene.images.pull(name);
    const before = BigInt(Date.now()) * 1_000_000n;
    const pod = await node.runPod();
    const container = await scene.runContainer(pod, {
      image: name,
      name: "app",
      script: "exit 3",
      change: (config) => ({ ...labelled({ tier: "a" })(config), metadata: { name: "app", attempt: 2 } }),
    });
    const status = await container.ended();
    deepEqual([status.id, status.metadata?.name, status.metadata?.attempt], [container.id, "app", 2]);
    deepEqual([status.state, status.exitCode, status.reason, status.message], [CONTAINER_EXITED, 3, "Error", ""]);
    deepEqual([status.labels, status.annotations], [{ tier: "a" }, { note: "kept\nas it is" }]);
    equal(status.image?.image, name);
    equal(status.imageId, imageId);
    match(status.imageRef, /^127\.0\.0\.1:\d+\/r\d+@sha256:[0-9a-f]{64}$|^sha256:/);
    equal(status.logPath, join(pod.config.logDirectory ?? "", "app.log"));
    const times = [before, status.createdAt, status.startedAt, status.finishedAt, BigInt(Date.now() + 1) * 1_000_000n];
    deepEqual(
      times.toSorted((a, b) => Number(a - b)),
      times,
    );
    const { containers } = await runtime.listContainers({ filter: { id: container.id } });
    deepEqual([containers[0]?.podSandboxId, containers[0]?.imageId], [pod.id, imageId]);
    await container.remove();
    await rejects(container.status(), { code: Code.NotFound });
  });

  await t.test("a client that listens is told of a container's life in order, with its status", async () => {
    const pod = await node.runPod();
    const told: string[] = [];
    const end = new AbortController();
    const listening = (async () => {
      for await (const event of runtime.getContainerEvents({}, { signal: end.signal })) {
        const { state } = event.containersStatuses.find(({ id }) => id === event.containerId) ?? {};
        told.push(`${event.containerId} ${nameOf(event.containerEventType)} ${state ?? "gone"}`);
      }
    })();
    // A stream that is being opened misses what happens meanwhile.
    await eventually(10_000, async () => {
      await (await scene.createContainer(pod)).remove();
      ok(told.length >= 2);
    });
    const container = await scene.runContainer(pod, { script: "exit 0" });
    await container.ended();
    await container.remove();
    await eventually(10_000, () =>
      deepEqual(
        told.filter((line) => line.startsWith(container.id)).map((line) => line.slice(container.id.length + 1)),
        [
          `CONTAINER_CREATED_EVENT ${CONTAINER_CREATED}`,
          `CONTAINER_STARTED_EVENT ${CONTAINER_RUNNING}`,
          `CONTAINER_STOPPED_EVENT ${CONTAINER_EXITED}`,
          "CONTAINER_DELETED_EVENT gone",
        ],
      ),
    );
    end.abort();
    await rejects(listening, { code: Code.Canceled });
  });

  await t.test("a log has each line with its stream, long ones and those without an end in parts", async () => {
    const pod = await node.runPod();
    const script = `
      echo out; echo err >&2; printf 'no end'; sleep 0.3; printf ' yet\\n'
      head -c 40000 /dev/zero | tr '\\0' x; echo; printf last`;
    const container = await scene.runContainer(pod, { script });
    equal((await container.ended()).exitCode, 0);
    const lines = await container.log();
    ok(lines.some(({ stream, tag, text }) => stream === "stderr" && tag === "F" && text === "err"));
    const out = lines.filter(({ stream }) => stream === "stdout");
    const joined = out.map(({ tag, text }) => (tag === "F" ? `${text}\n` : text)).join("");
    equal(joined.replace(/\n$/, ""), `out\nno end yet\n${"x".repeat(40_000)}\nlast`);
    const xs = out.filter(({ text }) => text.startsWith("x"));
    deepEqual(
      xs.map(({ tag, text }) => `${tag}${text.length}`),
      ["P16384", "P16384", "F7232"],
    );
  });

  await t.test("a log that was moved away goes on in a new file, and nothing is lost or doubled", async (t) => {
    const container = await scene.runContainer(await node.runPod(), { script: countingScript });
    t.diagnostic(JSON.stringify(await rotateLog(node, container, 100)));
  });
});
