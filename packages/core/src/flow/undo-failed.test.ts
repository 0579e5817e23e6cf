import { deepEqual, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { FlowFailure } from "./run-flow.ts";
import { undoFailed } from "./undo-failed.ts";

const failure = new FlowFailure("network.attach", new StatusError(Code.Unavailable, "no network"), new Set(["a", "b"]));

test("what was begun is taken back", async () => {
  const undone: string[] = [];
  await undoFailed(failure, async (begun) => void undone.push(...begun));
  deepEqual(undone, ["a", "b"]);
});

test("why the flow failed comes first where it cannot be taken back", async () => {
  const undo = (): Promise<never> => Promise.reject(new StatusError(Code.Internal, "it is mounted"));
  await rejects(undoFailed(failure, undo), {
    code: Code.Unavailable,
    message: "no network; and it cannot be cleaned up yet: it is mounted",
  });
});
