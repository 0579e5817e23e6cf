import { Code, StatusError } from "@crib/errdefs";

/** A JSON object of unknown content; never carries a key `__proto__`. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a parsed JSON value is an object, not an array or null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Parses text of others into an object. A key `__proto__` is dropped at every depth, so that no later copy can reach a
 * prototype. Fails `InvalidArgument` quoting the start of the text.
 */
export function parseJsonObject(text: string, doing: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text, (key, inner: unknown) => (key === "__proto__" ? undefined : inner));
  } catch (reason) {
    // A RangeError (nesting beyond the stack) is as much the text's fault as a SyntaxError.
    const why = reason instanceof Error ? firstLine(reason.message) : String(reason);
    throw new StatusError(Code.InvalidArgument, `${doing}: no JSON: ${why}, in ${excerpt(text)}`, { cause: reason });
  }
  if (!isJsonObject(value)) throw new StatusError(Code.InvalidArgument, `${doing}: no JSON object: ${excerpt(text)}`);
  return value;
}

/** The start of a text of others, quoted and free of control characters, for error messages; at most `limit` characters of it. */
export function excerpt(text: string, limit = 200): string {
  if (text === "") return "(empty)";
  return text.length <= limit ? escape(text) : `${escape(text.slice(0, limit))}...`;
}

/** Any value of others as it may stand in a message. */
export function quote(value: unknown): string {
  if (typeof value === "string") return value === "" ? '""' : excerpt(value, 80);
  try {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) return String(value);
    return text.length <= 80 ? text : `${text.slice(0, 80)}...`;
  } catch {
    return `(${typeof value} too deep to print)`;
  }
}

/** JSON's escapes, and those for what else a terminal would obey: C1 controls, line separators, writing direction. */
function escape(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function firstLine(message: string): string {
  // V8 quotes the text itself after "JSON:"-like prefixes; the excerpt does that already and escapes it.
  return excerpt(message.split("\n", 1)[0]?.replace(/, ?"[^]*$/, "") ?? "", 120).slice(1, -1);
}
