import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test, type TestOptions } from "node:test";

import { oomScoreAdjFloor } from "@crib/linux";

import { busyboxImage, startContainerNode } from "../support/containers/container-node.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { bridgePlugin, portmapPlugin } from "../support/network-config.ts";
import { crictlFor } from "./crictl.ts";

/** What gVisor's shim gives to itself, and ends without. */
const shimOomScore = -998;

const places = [...(process.env["PATH"] ?? "").split(delimiter), join(import.meta.dirname, "../../.tools/gvisor")];
const find = (program: string): string | undefined =>
  places.map((dir) => join(dir, program)).find((path) => existsSync(path));
const shim = find("containerd-shim-runsc-v1");
const runsc = find("runsc");

test("crictl lives with a pod in gVisor", needsGvisor(), async (t) => {
  const scene = await startContainerNode(t, {
    // gVisor takes the address of eth0 away; older bridge plugins leave their rules of ipMasq behind then (docs/controllers.md).
    plugins: (lane) => [bridgePlugin(lane, { ipMasq: false }), portmapPlugin],
    config: ({ dir }) => {
      const ConfigPath = join(dir, "runsc.toml");
      const lines = [
        `binary_name = "${runsc}"`,
        `root = "${join(dir, "runsc")}"`,
        "[runsc_config]",
        'platform = "systrap"',
      ];
      writeFileSync(ConfigPath, `${lines.join("\n")}\n`);
      const options = { TypeUrl: "io.containerd.runsc.v1.options", ConfigPath };
      const gvisor = { runtime_type: "io.containerd.runsc.v1", runtime_path: shim ?? "", options, pause: "always" };
      return { runtimes: { gvisor } };
    },
  });
  const { node } = scene;
  const crictl = crictlFor(`unix://${node.socket}`, node.lane.dir);
  const write = (name: string, content: object): string => {
    const file = join(node.lane.dir, `${name}.json`);
    writeFileSync(file, JSON.stringify(content));
    return file;
  };
  const namespace_options = { pid: 1 };
  const podFile = write("pod", {
    metadata: { name: "web", namespace: "default", uid: "uid-web", attempt: 0 },
    log_directory: join(node.lane.dir, "logs"),
    linux: { cgroup_parent: node.lane.cgroup, security_context: { namespace_options } },
  });
  const containerFile = write("container", {
    metadata: { name: "app", attempt: 0 },
    image: { image: scene.serve(busyboxImage()) },
    command: ["sh", "-c", "trap 'exit 3' TERM; echo started; while :; do sleep 1; done"],
    log_path: "app.log",
    linux: { security_context: { namespace_options } },
  });
  const podId = (await crictl.text("runp", "--runtime", "gvisor", podFile)).trim();
  const id = (await crictl.text("create", "--with-pull", podId, containerFile, podFile)).trim();
  await crictl.text("start", id);
  const kernel = await crictl.text("exec", "-s", id, "cat", "/proc/version");
  notEqual(kernel.trim(), readFileSync("/proc/version", "utf8").trim(), "it runs on this machine's kernel");
  deepEqual(await crictl.run("exec", id, "sh", "-c", "echo out; echo err >&2"), {
    exitCode: 0,
    stdout: "out\n",
    stderr: "err\n",
  });
  await eventually(10_000, async () => equal(await crictl.text("logs", id), "started\n"));
  await node.restart(); // after SIGKILL
  match(await crictl.text("exec", "-s", id, "echo", "again"), /^again/);
  await crictl.text("stop", "--timeout", "10", id);
  match(await crictl.text("inspect", id), /"exitCode": 3\b/);
  await crictl.text("rm", id);
  await crictl.text("stopp", podId);
  await crictl.text("rmp", podId);
  deepEqual(await node.leaks(), []);
});

function needsGvisor(): TestOptions {
  if (shim === undefined || runsc === undefined) {
    return { skip: "there is no containerd-shim-runsc-v1 with runsc in PATH or .tools/gvisor" };
  }
  const floor = oomScoreAdjFloor();
  if (floor > shimOomScore) {
    return {
      skip: `gVisor's shim ends when it cannot give itself an oom_score_adj of ${shimOomScore}: without CAP_SYS_RESOURCE ${floor} is the lowest`,
    };
  }
  return needsRoot;
}
