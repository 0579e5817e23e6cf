import { test } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";
import { startEchoServer } from "../support/containers/echo-server.ts";
import { portForwardChurn } from "../support/containers/port-forward-churn.ts";
import { needsRoot } from "../support/needs-root.ts";

const count = Number(process.env["CRIB_SOAK_FORWARDS"] ?? 10_000);

test(`${count} clients of a port of a pod leave nothing`, needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const pod = await scene.node.runPod();
  const container = await scene.runContainer(pod);
  const echoPort = await startEchoServer(t, pod, "127.0.0.1");
  const told = await portForwardChurn(scene.node, container, { echoPort, count, signal: t.signal });
  t.diagnostic(JSON.stringify(told));
});
