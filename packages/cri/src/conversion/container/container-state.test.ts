import { equal } from "node:assert/strict";
import { test } from "node:test";

import { type ContainerRecord, containerStateOf } from "@crib/core/containers";
import { ContainerState } from "@crib/wire/cri";

import { containerRecord } from "../../testing/container-record.ts";
import { toContainerState } from "./container-state.ts";

const shown = {
  created: ContainerState.CONTAINER_CREATED,
  running: ContainerState.CONTAINER_RUNNING,
  exited: ContainerState.CONTAINER_EXITED,
  unknown: ContainerState.CONTAINER_UNKNOWN,
};

test("containers are shown in the states by which core lists them", () => {
  const record = containerRecord("aa".repeat(32));
  const exit = { exitCode: 0, exitedAt: "2026-11-21T01:02:05Z", reason: "Completed", message: "" } as const;
  const problem = { flow: "EndContainer", step: "x", message: "busy", since: "", attempts: 1 };
  const states = ["creating", "created", "starting", "running", "ending", "exited", "removing"] as const;
  for (const state of states) {
    for (const facts of [
      {},
      { startedAt: "2026-11-21T01:02:04Z" },
      { exit },
      { startedAt: "2026-11-21T01:02:04Z", exit },
    ]) {
      for (const more of [{}, { problem }]) {
        const one: ContainerRecord = { ...record, state, facts, ...more };
        // There is no such row: a container has exited when its exit is known.
        if (state === "exited" && !("exit" in facts)) continue;
        equal(toContainerState(one), shown[containerStateOf(one)], JSON.stringify([state, facts, more]));
      }
    }
  }
});
