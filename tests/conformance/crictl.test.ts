import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { startNode } from "../support/start-node.ts";
import { crictlFor, type Crictl } from "./crictl.ts";

interface Pods {
  readonly items: readonly {
    readonly id: string;
    readonly state: string;
    readonly metadata: { readonly name: string };
  }[];
}

async function start(t: TestContext): Promise<{ readonly node: Node; readonly crictl: Crictl }> {
  const node = await startNode(t);
  return { node, crictl: crictlFor(`unix://${node.socket}`, node.lane.dir) };
}

/** Writes the configuration of a pod for `crictl runp`. */
function podFile(node: Node, name: string, more: object = {}): string {
  const file = join(node.lane.dir, `${name}.json`);
  const metadata = { name, namespace: "default", uid: `uid-${name}`, attempt: 0 };
  writeFileSync(
    file,
    JSON.stringify({
      metadata,
      labels: { app: name },
      log_directory: join(node.lane.dir, "logs"),
      linux: { cgroup_parent: node.lane.cgroup },
      ...more,
    }),
  );
  return file;
}

test("crictl sees the runtime: version, info, runtime configuration", needsRoot, async (t) => {
  const { crictl } = await start(t);
  const version = await crictl.text("version");
  match(version, /RuntimeName: +crib\n/);
  match(version, /RuntimeApiVersion: +v1\n/);

  interface Info {
    readonly status: {
      readonly conditions: readonly { readonly type: string; readonly status: boolean; readonly message: string }[];
    };
    /** The empty name is left out by crictl. */
    readonly runtimeHandlers: readonly { readonly name?: string }[];
  }
  const info = JSON.parse(await crictl.text("info")) as Info;
  deepEqual(
    info.status.conditions
      .filter(({ type }) => type === "RuntimeReady" || type === "NetworkReady")
      .map(({ type, status }) => [type, status]),
    [
      ["RuntimeReady", true],
      ["NetworkReady", true],
    ],
  );
  deepEqual(info.runtimeHandlers.map(({ name = "" }) => name).toSorted(), ["", "paused", "runc"]);
  match(await crictl.text("runtime-config"), /cgroup driver: +CGROUPFS/);
});

test("crictl runs, inspects, stops and removes a pod", needsRoot, async (t) => {
  const { node, crictl } = await start(t);
  const id = (await crictl.text("runp", podFile(node, "web", { hostname: "web" }))).trim();
  match(id, /^[0-9a-f]{64}$/);

  const running = await crictl.json<Pods>("pods");
  deepEqual(
    running.items.map((pod) => [pod.id, pod.metadata.name, pod.state]),
    [[id, "web", "SANDBOX_READY"]],
  );
  interface Inspected {
    readonly status: {
      readonly state: string;
      readonly network: { readonly ip: string };
      readonly labels: Record<string, string>;
    };
  }
  const { status } = await crictl.json<Inspected>("inspectp", id);
  equal(status.state, "SANDBOX_READY");
  deepEqual(status.labels, { app: "web" });
  match(status.network.ip, new RegExp(`^${node.lane.prefix.replaceAll(".", "\\.")}\\.\\d+$`));
  equal(
    (await crictl.text("inspectp", "-o", "go-template", "--template", "{{.status.network.ip}}", id)).trim(),
    status.network.ip,
  );

  await crictl.text("stopp", id);
  equal((await crictl.json<Inspected>("inspectp", id)).status.state, "SANDBOX_NOTREADY");
  await crictl.text("stopp", id);
  await crictl.text("rmp", id);
  deepEqual((await crictl.json<Pods>("pods")).items, []);
  notEqual((await crictl.run("inspectp", id)).exitCode, 0);
});

test("crictl finds pods by the start of an id, a label, a name and a state", needsRoot, async (t) => {
  const { node, crictl } = await start(t);
  const web = (await crictl.text("runp", podFile(node, "web"))).trim();
  const db = (await crictl.text("runp", podFile(node, "db"))).trim();
  await crictl.text("stopp", db);
  const found = async (...filter: readonly string[]): Promise<readonly string[]> =>
    (await crictl.text("pods", "-q", "--no-trunc", ...filter)).split("\n").filter(Boolean);
  deepEqual(await found("--id", web.slice(0, 12)), [web]);
  deepEqual(await found("--label", "app=db"), [db]);
  deepEqual(await found("--name", "^web$"), [web]);
  deepEqual(await found("--state", "notready"), [db]);
  deepEqual(await found("--state", "ready"), [web]);
  deepEqual((await found()).toSorted(), [web, db].toSorted());

  await crictl.text("rmp", "--force", "--all");
  deepEqual(await found(), []);
});

test("crictl runp with a handler that does not exist fails and leaves no pod", needsRoot, async (t) => {
  const { node, crictl } = await start(t);
  const refused = await crictl.run("runp", "--runtime", "no-such-handler", podFile(node, "web"));
  notEqual(refused.exitCode, 0);
  match(refused.stderr, /no-such-handler/);
  deepEqual((await crictl.json<Pods>("pods")).items, []);
});

test("crictl lists what there is not yet as empty, and reads the figures of pods", needsRoot, async (t) => {
  const { node, crictl } = await start(t);
  const id = (await crictl.text("runp", podFile(node, "web"))).trim();
  deepEqual(await crictl.json("ps", "-a"), { containers: [] });
  // The image of pause processes is crib's own.
  const { images } = await crictl.json<{ readonly images: readonly { readonly pinned: boolean }[] }>("images");
  ok(images.every(({ pinned }) => pinned));
  deepEqual(await crictl.json("stats"), { stats: [] });
  ok((await crictl.text("imagefsinfo")).includes("imageFilesystems"));
  interface PodStats {
    readonly stats: readonly { readonly attributes: { readonly id: string } }[];
  }
  deepEqual(
    (await crictl.json<PodStats>("statsp")).stats.map(({ attributes }) => attributes.id),
    [id],
  );
  equal((await crictl.run("stop", "0123456789ab")).exitCode, 0);
  // crictl asks for the status before it removes.
  match((await crictl.run("rm", "0123456789ab")).stderr, /code = NotFound/);
  await crictl.text("rmp", "-f", id);
});
