import type { Level, NamedResult } from "./types.ts";

const marks: Readonly<Record<Level, { readonly text: string; readonly colour: string }>> = {
  ok: { text: "ok  ", colour: "32" },
  warn: { text: "warn", colour: "33" },
  fail: { text: "FAIL", colour: "31" },
};

/** The results as text, one line each with what to do below it, and the sum. Ends in a newline. */
export function formatChecks(results: readonly NamedResult[], colour: boolean): string {
  const width = Math.max(0, ...results.map(({ check }) => check.length));
  const lines = results.flatMap(({ check, level, what, advice }) => {
    const mark = marks[level];
    const shown = colour ? `\u001B[${mark.colour}m${mark.text}\u001B[0m` : mark.text;
    const first = `${shown}  ${check.padEnd(width)}  ${what}`;
    return advice === undefined ? [first] : [first, `${" ".repeat(width + 8)}-> ${advice}`];
  });
  const count = (level: Level): number => results.filter((result) => result.level === level).length;
  lines.push("", `${count("ok")} ok, ${count("warn")} warnings, ${count("fail")} failures`);
  return `${lines.join("\n")}\n`;
}
