import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { Code } from "@crib/errdefs";
import { ContainerState } from "@crib/wire/cri";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import type { Container } from "../support/containers/container.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";

const usualPath = process.env["PATH"] ?? "";
const fetched = join(import.meta.dirname, "../../.tools/criu");
const counting = "echo was > /was; rm /etc/group; i=0; while :; do i=$((i+1)); echo $i > /count; sleep 0.05; done";

/** A directory with CRIU; undefined where there is none that works on this kernel. */
function criuDirectory(): string | undefined {
  const dirs = existsSync(fetched) ? readdirSync(fetched).map((version) => join(fetched, version)) : [];
  return [...dirs, ...usualPath.split(":")].find((dir) => {
    try {
      execFileSync(join(dir, "criu"), ["check"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}

/** A `criu` that says it is one, notes that it was asked to work, and does so until whoever asked has gone. */
const hangingCriu = `case "$1" in
--version) echo "Version: 4.2.1" ;;
*) : > "$(dirname "$0")/asked"; while [ -d "/proc/$PPID" ]; do sleep 0.1; done ;;
esac`;

function fakeCriu(t: TestContext, script: string): string {
  const dir = mkdtempSync(join(tmpdir(), "crib-criu-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, "criu"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return dir;
}

/** A node whose daemon and shims find this `criu` first. */
async function nodeWith(t: TestContext, criuDir: string): Promise<ContainerNode> {
  process.env["PATH"] = `${criuDir}:${usualPath}`;
  t.after(() => (process.env["PATH"] = usualPath));
  return await startContainerNode(t);
}

function checkpoint(nodes: ContainerNode, { id }: Container, location: string, timeout = 60): Promise<unknown> {
  return nodes.node.cri.runtime.checkpointContainer({ containerId: id, location, timeout: BigInt(timeout) });
}

function leftovers(nodes: ContainerNode, { id }: Container, location: string): readonly boolean[] {
  return [location, join(nodes.node.root, "containers", id, "checkpoint")].map((path) => existsSync(path));
}

async function count(container: Container): Promise<number> {
  return Number(await container.sh("cat /count || echo 0"));
}

async function untilCounting(container: Container): Promise<void> {
  const before = await count(container);
  await eventually(30_000, async () => ok((await count(container)) > before));
}

test("a checkpoint is an archive that tools know, and the container runs on", needsRoot, async (t) => {
  const criu = criuDirectory();
  if (criu === undefined) return t.skip("CRIU is not there or does not work on this kernel");
  const nodes = await nodeWith(t, criu);
  const { node } = nodes;
  const container = await nodes.runContainer(await node.runPod(), { name: "count", script: `echo hello; ${counting}` });
  await untilCounting(container);
  const location = join(node.root, "checkpoint.tar");
  await checkpoint(nodes, container, location);
  await untilCounting(container);
  equal((await container.status()).state, ContainerState.CONTAINER_RUNNING);
  deepEqual(leftovers(nodes, container, location), [true, false]);
  equal(statSync(location).mode & 0o777, 0o600);

  const dir = join(node.root, "unpacked");
  mkdirSync(dir);
  execFileSync("tar", ["-C", dir, "-xf", location]);
  const read = (name: string): string => readFileSync(join(dir, name), "utf8");
  const json = (name: string): Readonly<Record<string, unknown>> => JSON.parse(read(name));
  const { id, runtime, createdTime } = json("config.dump");
  deepEqual([id, runtime], [container.id, "io.containerd.runc.v2"]);
  ok(Math.abs(Date.parse(String(createdTime)) - Date.now()) < 600_000);
  const { annotations } = json("spec.dump") as { readonly annotations: Readonly<Record<string, string>> };
  equal(annotations["io.kubernetes.cri.container-name"], "count");
  const { state, metadata } = json("status.dump");
  deepEqual([state, metadata], [ContainerState.CONTAINER_RUNNING, { name: "count", attempt: 0 }]);
  ok(read("container.log").includes("hello"));
  for (const image of ["inventory.img", "pstree.img", "pages-1.img"])
    ok(statSync(join(dir, "checkpoint", image)).size > 0);
  ok(read("dump.log").includes("Dumping finished successfully"));
  const changes = execFileSync("tar", ["-tf", join(dir, "rootfs-diff.tar")], { encoding: "utf8" }).split("\n");
  for (const name of ["was", "count", "etc/.wh.group"]) ok(changes.includes(name), `${name} in ${changes.join(" ")}`);

  await rejects(checkpoint(nodes, container, location), { code: Code.AlreadyExists });
  await untilCounting(container);
});

test("what cannot be checkpointed is refused, and nothing is left", needsRoot, async (t) => {
  const criu = fakeCriu(t, hangingCriu);
  const nodes = await nodeWith(t, criu);
  const pod = await nodes.node.runPod();
  const container = await nodes.createContainer(pod, { script: counting });
  const location = join(nodes.node.root, "checkpoint.tar");
  await rejects(checkpoint(nodes, container, location), { code: Code.FailedPrecondition, message: /does not run/ });
  await container.start();
  await rejects(checkpoint(nodes, container, join(nodes.node.root, "none", "x.tar")), {
    code: Code.FailedPrecondition,
  });
  symlinkSync("/etc/crib-must-not-be", location);
  await rejects(checkpoint(nodes, container, location), { code: Code.AlreadyExists });
  ok(!existsSync("/etc/crib-must-not-be"));
  rmSync(location);
  writeFileSync(join(criu, "criu"), "#!/bin/sh\necho Version: 3.11\n");
  await rejects(checkpoint(nodes, container, location), { code: Code.Unimplemented, message: /3\.11, at least 3\.16/ });
  writeFileSync(join(criu, "criu"), '#!/bin/sh\n[ "$1" = --version ] && echo Version: 4.0\n');
  await rejects(checkpoint(nodes, container, location), { code: Code.Internal });
  await untilCounting(container);
  deepEqual(leftovers(nodes, container, location), [false, false]);
});

test("a CRIU that hangs holds up neither the request nor the container's end", needsRoot, async (t) => {
  const nodes = await nodeWith(t, fakeCriu(t, hangingCriu));
  const container = await nodes.runContainer(await nodes.node.runPod(), { script: counting });
  await untilCounting(container);
  const location = join(nodes.node.root, "checkpoint.tar");
  await rejects(checkpoint(nodes, container, location, 2), { code: Code.DeadlineExceeded });
  await untilCounting(container);
  deepEqual(leftovers(nodes, container, location), [false, false]);
  const making = checkpoint(nodes, container, location);
  const ended = rejects(making, { code: Code.Canceled });
  await eventually(30_000, () => ok(existsSync(location)));
  await container.stop(0);
  await ended;
  deepEqual(leftovers(nodes, container, location), [false, false]);
});

test("a daemon that is killed meanwhile takes back what it had begun", needsRoot, async (t) => {
  const criu = fakeCriu(t, hangingCriu);
  const nodes = await nodeWith(t, criu);
  const { node } = nodes;
  const container = await nodes.runContainer(await node.runPod(), { script: counting });
  await untilCounting(container);
  const location = join(node.root, "checkpoint.tar");
  const lost = rejects(checkpoint(nodes, container, location));
  await eventually(30_000, () => ok(existsSync(join(criu, "asked"))));
  await node.kill();
  await lost;
  await node.restart();
  await eventually(15_000, () => deepEqual(leftovers(nodes, container, location), [false, false]));
  await untilCounting(container);
});
