import { equal } from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { SandboxStatusResponseSchema } from "@crib/wire/sandbox";

import { saidState } from "./sandbox-state.ts";

test("states are understood as containerd and others write them", () => {
  const said = (state: string): string => saidState(create(SandboxStatusResponseSchema, { state }));
  for (const state of ["SANDBOX_READY", "ready", "Running", "STATE_RUNNING"]) equal(said(state), "running", state);
  for (const state of ["SANDBOX_NOTREADY", "NOT_READY", "stopped", "Exited", "sandbox-dead"]) {
    equal(said(state), "ended", state);
  }
  for (const state of ["", "0", "paused", "unready?"]) equal(said(state), "unclear", state);
});

test("a time of exit tells the end where the state does not", () => {
  const at = (exitedAt: Date): string =>
    saidState(create(SandboxStatusResponseSchema, { state: "?", exitedAt: timestampFromDate(exitedAt) }));
  equal(at(new Date()), "ended");
  equal(at(new Date(0)), "unclear", "the epoch is no time");
  equal(at(new Date("0001-01-01T00:00:00Z")), "unclear", "Go's zero time neither");
});
