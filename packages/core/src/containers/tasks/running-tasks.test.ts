import { deepEqual } from "node:assert/strict";
import { test } from "node:test";

import type { ContainerRecord } from "../types.ts";
import { runningTasks } from "./running-tasks.ts";

function record(id: string, state: ContainerRecord["state"], plan: object = {}): ContainerRecord {
  const whole = { sandboxId: "pod", bundleDir: `/tasks/${id}`, stdin: false, tty: false, ...plan };
  return { id, state, plan: whole } as unknown as ContainerRecord;
}

test("the tasks of a pod that run are told with the FIFOs that they have", () => {
  const records = [
    record("a", "running", { stdin: true }),
    record("b", "starting", { tty: true }),
    record("c", "exited"),
    record("d", "running", { sandboxId: "other" }),
  ];
  deepEqual(runningTasks(records, "pod"), [
    { id: "a", stdin: "/tasks/a/io/stdin", stdout: "/tasks/a/io/stdout", stderr: "/tasks/a/io/stderr" },
    { id: "b", stdin: "", stdout: "/tasks/b/io/stdout", stderr: "" },
  ]);
});
