import type { PullEvent } from "@crib/wire/admin";

import { escapeControls } from "../../print-json.ts";
import { terminalStyle } from "../../trace/terminal-style.ts";
import { drawProgress } from "./draw-progress.ts";
import { plainLines } from "./plain-lines.ts";
import { advance, noProgress, type PullProgress } from "./pull-progress.ts";

/** Shows how a pull goes on. Disposing leaves the terminal as it is, with what was shown last. */
export interface ProgressView extends Disposable {
  show(event: PullEvent["event"]): void;
  /** Shows the last state, which may have been waiting for its turn. */
  finish(): void;
}

/** Milliseconds between two pictures; more are not seen. */
const pictureMs = 80;

/** Where progress is written; standard error, so that standard output has the id alone. */
type Output = Pick<NodeJS.WriteStream, "isTTY" | "columns" | "rows"> & { write(text: string): unknown };

/** A picture that is drawn over and over on a terminal, plain lines elsewhere, nothing when `quiet`. */
export function openProgressView(
  quiet: boolean,
  output: Output = process.stderr,
  env: NodeJS.ProcessEnv = process.env,
): ProgressView {
  if (quiet) return { show: () => {}, finish: () => {}, [Symbol.dispose]: () => {} };
  return output.isTTY && env["TERM"] !== "dumb" ? openPicture(output, env) : openLines(output);
}

function openLines(output: Output): ProgressView {
  let progress = noProgress;
  return {
    show(event): void {
      const next = advance(progress, event);
      for (const line of plainLines(progress, next)) output.write(`${oneLine(line)}\n`);
      progress = next;
    },
    finish: () => {},
    [Symbol.dispose]: () => {},
  };
}

function openPicture(output: Output, env: NodeJS.ProcessEnv): ProgressView {
  let progress: PullProgress = noProgress;
  let height = 0;
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    timer = undefined;
    const { unicode } = terminalStyle(env);
    const lines = drawProgress(progress, { width: output.columns ?? 80, height: output.rows ?? 24, unicode });
    // Up to the first line, then each anew; what an earlier picture had below is erased (ECMA-48: CUU, EL, ED).
    const up = height > 0 ? `\u001b[${height}A\r` : "";
    output.write(`${up}${lines.map((line) => `${oneLine(line)}\u001b[K\n`).join("")}\u001b[J`);
    height = lines.length;
  };
  const finish = (): void => {
    if (!timer) return;
    clearTimeout(timer);
    draw();
  };
  return {
    show(event): void {
      progress = advance(progress, event);
      timer ??= setTimeout(draw, pictureMs);
    },
    finish,
    [Symbol.dispose]: finish,
  };
}

function oneLine(text: string): string {
  return escapeControls(text).replaceAll(/[\n\t]/g, " ");
}
