import { stripVTControlCharacters } from "node:util";

/** Lines of a message that are kept: a difference of two long values is cut. */
const mostLines = 20;

/** Places of a stack that are kept, the innermost first. */
const mostPlaces = 4;

/**
 * Says in some lines why a test failed: the message of what was thrown, and where. A test's error of Node's runner is only a wrapping
 * of that; further causes are told each by its message.
 */
export function describeFailure(failure: unknown): string {
  const thrown = failure instanceof Error && "failureType" in failure ? (failure.cause ?? failure) : failure;
  if (!(thrown instanceof Error)) return String(thrown);
  const errors = thrown instanceof AggregateError ? thrown.errors.map(messageOf) : [];
  const lines = stripVTControlCharacters([messageOf(thrown), ...errors].join("\n")).split("\n");
  const kept =
    lines.length > mostLines ? [...lines.slice(0, mostLines), `(${lines.length - mostLines} more lines)`] : lines;
  const places = (thrown.stack ?? "").split("\n").filter((line) => /^\s+at .*\.m?[jt]s:/.test(line));
  return [...kept, ...places.slice(0, mostPlaces).map((line) => line.trim())].join("\n");
}

/** Messages of an error and of its causes, each on its own lines. */
function messageOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  return reason.cause === undefined ? reason.message : `${reason.message}\n${messageOf(reason.cause)}`;
}
