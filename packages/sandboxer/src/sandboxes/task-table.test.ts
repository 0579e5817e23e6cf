import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { parseTaskTable } from "./task-table.ts";

test("a table is read as iSulad and as Kuasar write it", () => {
  const mount = { type: "bind", source: "/s", options: ["ro"] };
  const table = {
    tasks: [
      {
        task_id: "t",
        spec: { ociVersion: "1.0.2" },
        rootfs: [{ ...mount, target: "/a" }, { ...mount, destination: "/b" }, mount],
        stdin: "",
        stdout: "/out",
        processes: [{ exec_id: "e", spec: '{"args":["sh"]}', stderr: "/err" }],
      },
    ],
  };
  deepEqual(parseTaskTable(JSON.stringify(table)), [
    {
      id: "t",
      spec: '{"ociVersion":"1.0.2"}',
      rootfs: [{ ...mount, target: "/a" }, { ...mount, target: "/b" }, mount],
      stdin: "",
      stdout: "/out",
      stderr: "",
      processes: [{ execId: "e", process: '{"args":["sh"]}', stdin: "", stdout: "", stderr: "/err" }],
    },
  ]);
  deepEqual(parseTaskTable("{}"), []);
});

test("what is no table is refused with the place", () => {
  const cases: readonly (readonly [text: string, why: RegExp])[] = [
    ["", /not JSON/],
    ["[]", /the table is no object/],
    ['{"tasks":{}}', /tasks of tasks is no list/],
    ['{"tasks":[{}]}', /a task has no task_id/],
    ['{"tasks":[{"task_id":"t"},{"task_id":"t"}]}', /task "t" is there twice/],
    ['{"tasks":[{"task_id":"t","spec":[]}]}', /spec of task "t" is no object/],
    ['{"tasks":[{"task_id":"t","rootfs":[{"options":[1]}]}]}', /options of a mount of task "t"/],
    ['{"tasks":[{"task_id":"t","stdin":1}]}', /stdin of task "t" is no text/],
    ['{"tasks":[{"task_id":"t","processes":[{}]}]}', /a process of task "t" has no exec_id/],
  ];
  for (const [text, message] of cases)
    throws(() => parseTaskTable(text), { code: Code.InvalidArgument, message }, text);
});
