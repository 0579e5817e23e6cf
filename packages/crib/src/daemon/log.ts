import { isatty } from "node:tty";

import { codeName } from "@crib/errdefs";
import { type Logger, pino } from "pino";

import type { LogConfig } from "./config/types.ts";
import { type LogSink, openLogSink } from "./log-sink.ts";
import { formatLine } from "./log-text.ts";

/** The daemon's log: a constant message, ids and numbers as fields. */
export type Log = Logger;

/**
 * Opens the log on a file descriptor (default: standard output). Lines are JSON, or text where `format` or a terminal
 * asks for it. A reader that stands still costs log lines, never the daemon's time.
 */
export function openLog(config: LogConfig, fd = 1): Log {
  const sink = openLogSink(fd);
  const terminal = isatty(fd);
  const text = config.format === "text" || (config.format === "auto" && terminal);
  const colour = terminal && !process.env["NO_COLOR"];
  return logTo(text ? { write: (line) => sink.write(formatLine(line, colour)) } : sink, config.level);
}

/** A log that writes JSON lines to `sink`. */
export function logTo(sink: LogSink, level: LogConfig["level"]): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
    },
    sink,
  );
}

function serializeError(reason: unknown): unknown {
  if (!(reason instanceof Error)) return reason;
  const code = (reason as Error & { code?: unknown }).code;
  return {
    message: reason.message,
    ...(typeof code === "number" && { code: codeName(code) }),
    ...(typeof code === "string" && { code }),
    stack: reason.stack,
  };
}
