const colours: Readonly<Record<string, string>> = {
  trace: "\u001B[2m",
  debug: "\u001B[2m",
  info: "\u001B[32m",
  warn: "\u001B[33m",
  error: "\u001B[31m",
  fatal: "\u001B[1;31m",
};
const dim = "\u001B[2m";
const reset = "\u001B[0m";
const longId = /\b[0-9a-f]{64}\b/g;

/** One JSON log line as a line for people: time of day, level, message, fields; ids shortened to 13 digits. */
export function formatLine(json: string, colour: boolean): string {
  const { time, level, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const name = String(level);
  const label = name.toUpperCase().padEnd(5);
  const clock = String(time).slice(11, 23);
  const painted = colour ? `${dim}${clock}${reset} ${colours[name] ?? ""}${label}${reset}` : `${clock} ${label}`;
  const rest = Object.entries(fields).map(([key, value]) => {
    const shown = `${key}=${formatValue(value)}`;
    return colour ? `${dim}${shown}${reset}` : shown;
  });
  return `${[painted, typeof msg === "string" ? msg : "", ...rest].join(" ").replace(longId, (id) => id.slice(0, 13))}\n`;
}

function formatValue(value: unknown): string {
  if (isError(value)) {
    const { message, code } = value;
    return JSON.stringify(code === undefined ? message : `${message} (${code})`);
  }
  if (typeof value === "string") return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}

/** An error as the log's serializer writes it. */
function isError(value: unknown): value is { readonly message: string; readonly code?: string } {
  return typeof value === "object" && value !== null && "stack" in value;
}
