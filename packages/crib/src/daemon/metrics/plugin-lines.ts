import type { NriMetrics } from "@crib/nri";

/** What plugins did, in the text format of Prometheus. Names of plugins are letters, digits and `.+-_` only. */
export function pluginLines({ activePlugins, invocations, adjustments }: NriMetrics): string[] {
  const lines = [
    "# HELP crib_nri_plugins NRI plugins that take events.",
    "# TYPE crib_nri_plugins gauge",
    `crib_nri_plugins ${activePlugins}`,
    "# HELP crib_nri_invocations_total Calls of plugins.",
    "# TYPE crib_nri_invocations_total counter",
  ];
  for (const { plugin, operation, status, count } of invocations) {
    lines.push(`crib_nri_invocations_total{plugin="${plugin}",operation="${operation}",status="${status}"} ${count}`);
  }
  lines.push(
    "# HELP crib_nri_invocation_seconds_total Time that plugins took.",
    "# TYPE crib_nri_invocation_seconds_total counter",
  );
  for (const { plugin, operation, status, totalMs } of invocations) {
    const labels = `plugin="${plugin}",operation="${operation}",status="${status}"`;
    lines.push(`crib_nri_invocation_seconds_total{${labels}} ${totalMs / 1_000}`);
  }
  lines.push(
    "# HELP crib_nri_adjustments_total Fields of containers that plugins adjusted.",
    "# TYPE crib_nri_adjustments_total counter",
  );
  for (const [field, count] of Object.entries(adjustments)) {
    lines.push(`crib_nri_adjustments_total{field="${field}"} ${count}`);
  }
  return lines;
}
