import { StatusError } from "@crib/errdefs";

import type { FlowFailure } from "./run-flow.ts";

/** Has `undo` take back what a failed flow has begun. Why that failed comes first in the error where this fails in its turn. */
export async function undoFailed(
  { error, begun }: FlowFailure,
  undo: (begun: ReadonlySet<string>) => Promise<void>,
): Promise<void> {
  try {
    await undo(begun);
  } catch (reason) {
    const { message } = StatusError.from(reason);
    throw new StatusError(error.code, `${error.message}; and it cannot be cleaned up yet: ${message}`, {
      cause: error,
    });
  }
}
