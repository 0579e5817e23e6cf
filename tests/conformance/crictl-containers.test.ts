import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";
import { endAfter } from "../support/end-after.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/images/free-port.ts";
import { needsRoot } from "../support/needs-root.ts";
import { crictlFor } from "./crictl.ts";

/** Says what it is told, and serves its input at a port. */
const script = "echo started; nc -ll -p 8080 -e cat & while read -r line; do echo got $line; done; exec sleep 600";

interface Inspected {
  readonly status: {
    readonly state: string;
    readonly exitCode?: number;
    readonly logPath: string;
    readonly resources: { readonly linux: { readonly cpuShares: string } };
  };
}

test("crictl lives with a container from its image to its end", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const { node } = scene;
  const crictl = crictlFor(`unix://${node.socket}`, node.lane.dir);
  const write = (name: string, content: object): string => {
    const file = join(node.lane.dir, `${name}.json`);
    writeFileSync(file, JSON.stringify(content));
    return file;
  };
  const pod = write("pod", {
    metadata: { name: "web", namespace: "default", uid: "uid-web", attempt: 0 },
    log_directory: join(node.lane.dir, "logs"),
    linux: { cgroup_parent: node.lane.cgroup },
  });
  const config = write("container", {
    metadata: { name: "app", attempt: 0 },
    image: { image: scene.busybox },
    command: ["sh", "-c", script],
    log_path: "app.log",
    stdin: true,
    labels: { tier: "front" },
  });
  const events = crictl.start("events");
  endAfter(t, () => events.end());
  const podId = (await crictl.text("runp", pod)).trim();
  const id = (await crictl.text("create", podId, config, pod)).trim();
  match(id, /^[0-9a-f]{64}$/);
  equal((await crictl.json<Inspected>("inspect", id)).status.state, "CONTAINER_CREATED");
  await crictl.text("start", id);

  await t.test("lists and inspects it", async () => {
    interface Listed {
      readonly containers: readonly { readonly id: string; readonly state: string }[];
    }
    for (const filter of [
      ["--label", "tier=front"],
      ["--name", "^app$"],
      ["--pod", podId.slice(0, 13)],
    ]) {
      const { containers } = await crictl.json<Listed>("ps", ...filter);
      deepEqual(
        containers.map(({ id, state }) => [id, state]),
        [[id, "CONTAINER_RUNNING"]],
      );
    }
    equal((await crictl.json<Inspected>("inspect", id)).status.logPath, join(node.lane.dir, "logs", "app.log"));
  });

  await t.test("reads its log", async () => {
    await eventually(10_000, async () => equal(await crictl.text("logs", id), "started\n"));
    match(await crictl.text("logs", "--timestamps", "--tail", "1", id), /^\d{4}-\d\d-\d\dT\S+ started\n$/);
  });

  for (const transport of ["spdy", "websocket"] as const) {
    await t.test(`runs commands in it and attaches over ${transport}`, async () => {
      const ran = await crictl.run("exec", "--transport", transport, id, "sh", "-c", "echo out; echo err >&2");
      deepEqual(ran, { exitCode: 0, stdout: "out\n", stderr: "err\n" });
      const failed = await crictl.run("exec", "--transport", transport, id, "sh", "-c", "exit 7");
      notEqual(failed.exitCode, 0);
      match(failed.stderr, /\b7\b/);
      const piped = crictl.start("exec", "-i", "--transport", transport, id, "wc", "-c");
      piped.child.stdin?.end("x".repeat(70_000));
      await eventually(15_000, () => equal(piped.said(), "70000\n"));
      await piped.end();

      const attached = crictl.start("attach", "-i", "--transport", transport, id);
      await eventually(15_000, async () => {
        attached.child.stdin?.write(`${transport}\n`);
        match(attached.said(), new RegExp(`^got ${transport}$`, "m"));
      });
      await attached.end();
    });

    await t.test(`forwards a port of its pod over ${transport}`, async () => {
      const port = await freePort();
      const forward = crictl.start("port-forward", "--transport", transport, podId, `${port}:8080`);
      try {
        const answer = await eventually(15_000, async () => {
          const socket = connect({ host: "127.0.0.1", port });
          const said = buffer(socket);
          said.catch(() => {}); // it is tried again
          await once(socket, "connect");
          socket.end("hello");
          return (await said).toString();
        });
        equal(answer, "hello");
      } finally {
        await forward.end();
      }
    });
  }

  await t.test("runs a command to its end", async () => {
    // crictl adds line ends of its own.
    equal((await crictl.text("exec", "-s", id, "echo", "sync")).trimEnd(), "sync");
    const late = await crictl.run("exec", "-s", "--timeout", "1", id, "sleep", "30");
    notEqual(late.exitCode, 0);
    match(late.stderr, /DeadlineExceeded|deadline/i);
  });

  await t.test("shows its usage and changes its limits", async () => {
    interface Stats {
      readonly stats: readonly {
        readonly attributes: { readonly id: string };
        readonly memory: { readonly workingSetBytes: { readonly value: string } };
      }[];
    }
    const { stats } = await crictl.json<Stats>("stats", "--id", id);
    deepEqual(
      stats.map(({ attributes }) => attributes.id),
      [id],
    );
    ok(Number(stats[0]?.memory.workingSetBytes.value) > 0);
    await crictl.text("update", "--cpu-share", "512", id);
    equal((await crictl.json<Inspected>("inspect", id)).status.resources.linux.cpuShares, "512");
  });

  await t.test("stops and removes it, and has told of everything", async () => {
    await crictl.text("stop", "--timeout", "0", id);
    const { status } = await crictl.json<Inspected>("inspect", id);
    deepEqual([status.state, status.exitCode], ["CONTAINER_EXITED", 137]);
    await crictl.text("rm", id);
    notEqual((await crictl.run("inspect", id)).exitCode, 0);
    await eventually(10_000, () => {
      const said = events.said();
      for (const event of ["CREATED", "STARTED", "STOPPED", "DELETED"])
        match(said, new RegExp(`CONTAINER_${event}_EVENT`));
      ok(said.includes(id));
    });
    await crictl.text("rmp", "-f", podId);
  });
});
