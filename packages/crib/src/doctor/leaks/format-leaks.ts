import type { LeakReport } from "./types.ts";

/** The report as text: one line for each counter, then each finding. Ends in a newline. */
export function formatLeaks(report: LeakReport): string {
  const lines = [heading(report), ""];
  for (const [name, count] of Object.entries(report.counts)) lines.push(`  ${name.padEnd(12)} ${count ?? "?"}`);
  for (const { counter, message } of report.problems) lines.push("", `${counter} could not be counted: ${message}`);
  for (const { counter, what, path, pid, why, rowId } of report.findings) {
    const where = [path, pid === undefined ? undefined : `pid ${pid}`].filter((each) => each !== undefined);
    lines.push("", `${counter}: ${what}`, ...where.map((each) => `  ${each}`));
    if (rowId !== undefined && !where.some((each) => each.includes(rowId))) lines.push(`  sandbox ${rowId}`);
    lines.push(`  ${why}`);
  }
  lines.push("", verdict(report));
  return `${lines.join("\n")}\n`;
}

function heading({ instance, daemon }: LeakReport): string {
  if (instance === undefined) return "No daemon ever ran on this root directory.";
  return `Leaks of crib ${instance} (${daemon === undefined ? "not running" : `running as process ${daemon}`})`;
}

function verdict({ findings, problems }: LeakReport): string {
  if (findings.length > 0) return `${findings.length} ${findings.length === 1 ? "leak" : "leaks"}`;
  return problems.length > 0 ? "no leak where it could be counted" : "no leaks";
}
