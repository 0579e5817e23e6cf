import type { WaterfallStyle } from "./waterfall.ts";

/** How to draw on standard output: colour only on a terminal and without NO_COLOR (no-color.org), blocks where the locale has them. */
export function terminalStyle(env: NodeJS.ProcessEnv = process.env): WaterfallStyle {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "C.UTF-8";
  return {
    width: Math.min(160, process.stdout.columns ?? 100),
    colour: process.stdout.isTTY && !env["NO_COLOR"] && env["TERM"] !== "dumb",
    unicode: /utf-?8/i.test(locale),
  };
}
