import { monitorEventLoopDelay } from "node:perf_hooks";

import type { FlowRun } from "@crib/core/flow";

import { cribVersion } from "../../version.ts";
import { Histogram } from "./histogram.ts";

/** What is counted when somebody asks. */
export interface MetricSources {
  /** States of all pod sandboxes. */
  readonly pods: () => readonly { readonly state: string; readonly problem?: unknown }[];
  readonly containers: () => readonly { readonly state: string; readonly problem?: unknown }[];
  readonly images: () => number;
  /** Further lines in the text format. */
  readonly more?: () => readonly string[];
}

/** The figures of a daemon for Prometheus: every step of every flow has its histogram. */
export class DaemonMetrics {
  readonly #flows = new Histogram();
  readonly #steps = new Histogram();
  readonly #loop = monitorEventLoopDelay({ resolution: 20 });

  constructor() {
    this.#loop.enable();
  }

  /** Takes a run of a flow that has ended. */
  observe(run: FlowRun): void {
    const flow = `flow="${run.flow}"`;
    this.#flows.observe(`${flow},outcome="${run.outcome ?? "failed"}"`, (run.durationMs ?? 0) / 1_000);
    for (const { step, direction, startMs, endMs, outcome } of run.steps) {
      if (outcome === "skipped") continue;
      const labels = `${flow},step="${step}",direction="${direction}",outcome="${outcome}"`;
      this.#steps.observe(labels, (endMs - startMs) / 1_000);
    }
  }

  /** All of it in the text format of Prometheus, version 0.0.4. */
  render(sources: MetricSources): string {
    const { rss, heapUsed } = process.memoryUsage();
    const lines = [
      ...gauge("crib_build_info", "The version that runs.", [[`version="${cribVersion()}"`, 1]]),
      ...gauge("crib_pod_sandboxes", "Pod sandboxes by state.", byState(sources.pods())),
      ...gauge("crib_containers", "Containers by state.", byState(sources.containers())),
      ...gauge("crib_images", "Images in the store.", [["", sources.images()]]),
      ...gauge("crib_cleanups_failing", "Pods and containers whose clean-up failed and is tried again.", [
        ["", [...sources.pods(), ...sources.containers()].filter(({ problem }) => problem !== undefined).length],
      ]),
      "# HELP crib_flow_duration_seconds Duration of whole calls that change the host.",
      "# TYPE crib_flow_duration_seconds histogram",
      ...this.#flows.lines("crib_flow_duration_seconds"),
      "# HELP crib_step_duration_seconds Duration of their steps.",
      "# TYPE crib_step_duration_seconds histogram",
      ...this.#steps.lines("crib_step_duration_seconds"),
      ...gauge("crib_event_loop_delay_seconds", "Delay of the event loop since the start.", [
        ['quantile="0.5"', this.#loop.percentile(50) / 1e9],
        ['quantile="0.99"', this.#loop.percentile(99) / 1e9],
      ]),
      ...gauge("crib_memory_bytes", "Memory of the daemon.", [
        ['kind="rss"', rss],
        ['kind="heap"', heapUsed],
      ]),
      ...(sources.more?.() ?? []),
    ];
    return `${lines.join("\n")}\n`;
  }
}

function gauge(name: string, help: string, values: readonly (readonly [labels: string, value: number])[]): string[] {
  const samples = values.map(([labels, value]) => `${name}${labels === "" ? "" : `{${labels}}`} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...samples];
}

function byState(rows: readonly { readonly state: string }[]): (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, count]) => [`state="${state}"`, count]);
}
