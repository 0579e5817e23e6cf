import { Code, StatusError } from "@crib/errdefs";

import type { OfferedHandler, RuntimeHandlers } from "../types.ts";
import { quote } from "./values/invalid.ts";

/**
 * The handler of that name, the default one for an empty name; InvalidArgument for one that is not configured, FailedPrecondition
 * for one that is and cannot run pods.
 */
export function findHandler(handlers: RuntimeHandlers, name: string): OfferedHandler {
  const wanted = name === "" ? handlers.defaultName : name;
  const found = handlers.all.find(({ handler }) => handler.name === wanted);
  if (found) return found;
  const broken = handlers.broken?.find(({ handler }) => handler.name === wanted);
  if (broken) throw new StatusError(Code.FailedPrecondition, `runtime handler ${quote(wanted)}: ${broken.reason}`);
  const known = handlers.all.map(({ handler }) => quote(handler.name)).join(", ");
  throw new StatusError(
    Code.InvalidArgument,
    `invalid runtime_handler: no handler ${quote(wanted)} is configured, only ${known}`,
  );
}
