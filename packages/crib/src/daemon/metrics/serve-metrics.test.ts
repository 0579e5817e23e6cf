import { equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { DaemonMetrics } from "./daemon-metrics.ts";
import { serveMetrics } from "./serve-metrics.ts";

test("metrics are served under their path, and nothing else is", async () => {
  const metrics = new DaemonMetrics();
  metrics.observe({
    flow: "RunPodSandbox",
    startedAt: new Date().toISOString(),
    durationMs: 30,
    outcome: "done",
    steps: [
      { step: "network.attach", direction: "do", startMs: 1, endMs: 21, outcome: "done" },
      { step: "shm.mount", direction: "do", startMs: 0, endMs: 0, outcome: "skipped" },
    ],
  });
  const sources = { pods: () => [{ state: "ready" }, { state: "ready" }], containers: () => [], images: () => 3 };
  await using server = await serveMetrics("127.0.0.1:0", () => metrics.render(sources));
  const response = await fetch(server.url);
  equal(response.status, 200);
  match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  match(text, /^crib_pod_sandboxes\{state="ready"\} 2$/m);
  match(text, /^crib_images 3$/m);
  match(text, /^crib_flow_duration_seconds_count\{flow="RunPodSandbox",outcome="done"\} 1$/m);
  match(text, /crib_step_duration_seconds_bucket\{flow="RunPodSandbox",step="network.attach",.*le="0.025"\} 1/);
  ok(!text.includes("shm.mount"), "a step that was skipped has no duration");
  equal((await fetch(server.url.replace("/metrics", "/"))).status, 404);
  equal((await fetch(server.url, { method: "POST" })).status, 405);
});

test("an address that is taken is an error that names it", async () => {
  await using server = await serveMetrics("127.0.0.1:0", () => "");
  const taken = new URL(server.url).host;
  await rejects(
    serveMetrics(taken, () => ""),
    { message: new RegExp(`serving metrics at "${taken}"`) },
  );
});
