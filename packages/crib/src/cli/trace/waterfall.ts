import type { FlowRun, StepTiming } from "./timings.ts";

/** How a waterfall is drawn. */
export interface WaterfallStyle {
  /** Columns of the terminal. */
  readonly width: number;
  readonly colour: boolean;
  /** Whether block characters can be shown; `#` otherwise. */
  readonly unicode: boolean;
}

const paint = { dim: "2", green: "32", red: "31", yellow: "33", bold: "1" } as const;
const narrowestBar = 12;

/**
 * Draws one run as lines: a heading, then each step in order of its start, its bar placed on the run's time, so that steps
 * that ran at the same time stand below each other. The errors of failed steps follow.
 */
export function drawWaterfall(run: FlowRun, style: WaterfallStyle): readonly string[] {
  const steps = run.steps.toSorted((a, b) => a.startMs - b.startMs || a.endMs - b.endMs);
  const totalMs = run.durationMs ?? Math.max(0, ...steps.map(({ endMs }) => endMs));
  const names = steps.map(nameOf);
  const nameWidth = Math.max(0, ...names.map((name) => name.length));
  const timeWidth = Math.max(...steps.map((step) => milliseconds(step.endMs - step.startMs).length), 7);
  const barWidth = Math.max(narrowestBar, style.width - nameWidth - timeWidth - 6);
  const lines = [heading(run, totalMs, style)];
  for (const [index, step] of steps.entries()) {
    const name = (names[index] ?? "").padEnd(nameWidth);
    const time = milliseconds(step.endMs - step.startMs).padStart(timeWidth);
    const colour = step.outcome === "failed" ? "red" : step.direction === "undo" ? "yellow" : "green";
    const bar = coloured(drawBar(step, totalMs, barWidth, style.unicode), colour, style);
    lines.push(`  ${name}  ${bar}  ${step.outcome === "failed" ? coloured(time, "red", style) : time}`);
  }
  for (const step of steps) {
    if (step.error !== undefined) lines.push(coloured(`  ${nameOf(step)}: ${step.error}`, "red", style));
  }
  return lines;
}

function nameOf({ step, direction, outcome }: StepTiming): string {
  return `${direction === "undo" ? "undo " : ""}${step}${outcome === "done" ? "" : ` (${outcome})`}`;
}

function heading(run: FlowRun, totalMs: number, style: WaterfallStyle): string {
  const outcome = run.outcome ?? "running";
  const state = coloured(outcome, outcome === "failed" ? "red" : outcome === "done" ? "green" : "yellow", style);
  const at = coloured(run.startedAt, "dim", style);
  return `${coloured(run.flow, "bold", style)}  ${milliseconds(totalMs)}  ${state}  ${at}`;
}

/** A bar of at least one cell: half a millisecond of a long run is still a step that ran. */
function drawBar(step: StepTiming, totalMs: number, width: number, unicode: boolean): string {
  const scale = totalMs > 0 ? width / totalMs : 0;
  const start = Math.min(width - 1, Math.floor(step.startMs * scale));
  const length = Math.max(1, Math.min(width - start, Math.round((step.endMs - step.startMs) * scale)));
  return " ".repeat(start) + (unicode ? "█" : "#").repeat(length) + " ".repeat(width - start - length);
}

/** Milliseconds with one digit, thousands of them as seconds. */
export function milliseconds(ms: number): string {
  return ms < 10_000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

function coloured(text: string, colour: keyof typeof paint, { colour: isColoured }: WaterfallStyle): string {
  return isColoured ? `\u001B[${paint[colour]}m${text}\u001B[0m` : text;
}
