import { equal } from "node:assert/strict";
import { once } from "node:events";
import { linkSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Code, hasCode } from "@crib/errdefs";

import { isServed } from "../is-served.ts";
import type { TaskApi } from "../tasks/types.ts";
import { serveTasks } from "./serve-tasks.ts";

const tasks = new Proxy({} as TaskApi, { get: () => () => ({}) });

/** Leaves a socket at which nobody listens, as a process does that was killed. */
async function leaveSocket(path: string): Promise<void> {
  const server = createServer().listen(`${path}.live`);
  await once(server, "listening");
  linkSync(`${path}.live`, path);
  server.close();
  await once(server, "close");
}

test("of several servers that begin at the same moment over a dead one's socket, one serves", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "crib-serve-tasks-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "task.sock");
  await leaveSocket(path);
  const begun = await Promise.allSettled(Array.from({ length: 4 }, () => serveTasks({ path, tasks })));
  const served = begun.filter((one) => one.status === "fulfilled");
  await using closing = new AsyncDisposableStack();
  for (const { value } of served) closing.use(value);
  equal(served.length, 1);
  const refused = begun.filter((one) => one.status === "rejected");
  equal(refused.filter(({ reason }) => hasCode(reason, Code.FailedPrecondition)).length, 3);
  equal(await isServed(path), true);

  await closing.disposeAsync();
  equal(await isServed(path), false);
  await using _ = await serveTasks({ path, tasks });
  equal(await isServed(path), true);
});
