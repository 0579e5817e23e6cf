import { equal, ok, rejects, throws } from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { openDescriptors } from "../testing/host.ts";
import { startSleeper } from "../testing/sleeper.ts";
import { until } from "../testing/until.ts";
import { openPidfd, signalProcess } from "./pidfd.ts";
import { processIdentity, readProcess, type ProcessIdentity } from "./process-stat.ts";
import { isProcessAlive, waitProcessGone } from "./wait-process-gone.ts";

function identify(pid: number): ProcessIdentity {
  const identity = processIdentity(pid);
  if (identity === undefined) throw new Error(`no process ${pid}`);
  return identity;
}

test("a pidfd signals its process and sees its end", async (t) => {
  const before = openDescriptors();
  const { pid, child } = await startSleeper(t);
  {
    using handle = openPidfd(pid, identify(pid).startTime);
    ok(handle);
    ok(handle.alive());
    ok(handle.signal(0));
    const exited = once(child, "exit");
    ok(handle.signal("SIGTERM"));
    await exited;
    equal(handle.alive(), false);
    equal(handle.signal("SIGTERM"), false);
    handle.close();
    throws(() => handle.alive(), { code: Code.FailedPrecondition });
  }
  equal(openPidfd(pid), undefined);
  equal(openDescriptors(), before);
});

test("a stranger that has the pid of an earlier process is not signalled", async (t) => {
  const { pid } = await startSleeper(t);
  const identity = identify(pid);
  const earlier = { pid, startTime: identity.startTime - 1n };
  equal(signalProcess(earlier, "SIGKILL"), false);
  equal(isProcessAlive(earlier), false);
  await waitProcessGone(earlier, { timeoutMs: 0 });
  ok(isProcessAlive(identity));
  equal(openPidfd(pid, earlier.startTime), undefined);
});

test("waiting for a process ends with it, with its deadline or with the caller", async (t) => {
  const { pid } = await startSleeper(t);
  const identity = identify(pid);
  await rejects(waitProcessGone(identity, { timeoutMs: 20 }), {
    code: Code.DeadlineExceeded,
    message: new RegExp(`${pid}`),
  });
  const signal = AbortSignal.timeout(20);
  await rejects(waitProcessGone(identity, { timeoutMs: 60_000, signal }), { name: "AbortError" });
  const gone = waitProcessGone(identity, { timeoutMs: 60_000 });
  ok(signalProcess(identity, "SIGKILL"));
  await gone;
  equal(isProcessAlive(identity), false);
});

test("a zombie is not alive", async (t) => {
  // The shell's child ends at once; the shell, replaced by sleep, never reaps it.
  const { pid } = await startSleeper(t, { command: "true & exec sleep 60" });
  let zombie: ProcessIdentity | undefined;
  await until("the child has ended", () => {
    const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim());
    const found = child > 0 ? readProcess(child) : undefined;
    zombie = found;
    return found?.state === "Z";
  });
  ok(zombie !== undefined);
  equal(isProcessAlive(zombie), false);
  await waitProcessGone(zombie, { timeoutMs: 0 });
});
