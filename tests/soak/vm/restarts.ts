import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { existsSync } from "node:fs";

import { eventually, pause } from "../../support/eventually.ts";
import { parentOf } from "../../support/parent-of.ts";
import { noLeaks } from "./leaks.ts";
import { cgroupFile, cgroupOf, crictl, exec, inspect, logText, parents, pidOf, runContainer, runPod } from "./pods.ts";
import { check } from "./report.ts";
import { type CgroupDriver, output, property } from "./service.ts";

const ticking = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.5; done";

/** The service restarts, stops and is killed while containers run. */
export async function restartChapter(driver: CgroupDriver): Promise<void> {
  const pod = await runPod(`restart-${driver}`, parents[driver]);
  const main = await runContainer(pod, "main", ticking);
  const paused = await runPod(`restart-paused-${driver}`, parents[driver], { pid: 0 });
  const neighbour = await runContainer(paused, "main", "sleep 100000");
  const pids = async (): Promise<readonly number[]> => await Promise.all([main, neighbour].map(pidOf));
  const before = await pids();
  const works = async (): Promise<void> => {
    deepEqual(await pids(), before);
    equal(await exec(main, "echo", "here"), "here");
    equal(await exec(neighbour, "echo", "here"), "here");
    const { length } = logText(pod, "main");
    await eventually(20_000, () => ok(logText(pod, "main").length > length + 1, "the log does not grow"));
  };

  await check("only the daemon is in the service's cgroup", async () => {
    const cgroup = await property("ControlGroup");
    await eventually(10_000, async () => equal(cgroupFile(cgroup, "cgroup.procs"), await property("MainPID")));
  });
  await check("systemctl restart keeps containers and loses no line of their logs", async () => {
    const daemon = await property("MainPID");
    await output("systemctl", "restart", "crib.service");
    notEqual(await property("MainPID"), daemon);
    await works();
    noGaps(logText(pod, "main"), 0);
  });
  await check("systemctl stop leaves pods; an end meanwhile is known exactly", async () => {
    const ending = await runContainer(pod, "ending", "while [ ! -e /tmp/end ]; do sleep 0.1; done; exit 7");
    const endingPid = await pidOf(ending);
    await output("systemctl", "stop", "crib.service");
    equal(await property("ActiveState"), "inactive");
    equal(existsSync("/run/crib/crib.sock"), false);
    for (const pid of before) ok(existsSync(`/proc/${pid}`), `${pid} has ended`);
    await output("touch", `/proc/${endingPid}/root/tmp/end`);
    await eventually(20_000, () => equal(existsSync(`/proc/${endingPid}`), false));
    await pause(3_000);
    await output("systemctl", "start", "crib.service");
    await works();
    noGaps(logText(pod, "main"), 0);
    const { state, exitCode, reason } = (await inspect(ending)).status;
    deepEqual([state, exitCode, reason], ["CONTAINER_EXITED", 7, "Error"]);
  });
  await check("systemd starts a daemon again that was killed; containers do not notice", async () => {
    const daemon = await property("MainPID");
    const restarts = Number(await property("NRestarts"));
    process.kill(Number(daemon), "SIGKILL");
    await eventually(120_000, async () => {
      equal(Number(await property("NRestarts")), restarts + 1);
      equal(await property("ActiveState"), "active");
      await crictl.text("version");
    });
    await works();
    // What was read and not yet written is lost: with two lines a second hardly more than one.
    noGaps(logText(pod, "main"), 2);
  });
  await check("a killed shim takes its containers with it", async () => {
    const other = await runPod(`orphan-${driver}`, parents[driver]);
    const id = await runContainer(other, "main", "sleep 100000 & sleep 100000");
    const pid = await pidOf(id);
    const cgroup = cgroupOf(pid);
    process.kill(parentOf(pid), "SIGKILL");
    await eventually(30_000, async () => {
      equal((await inspect(id)).status.state, "CONTAINER_EXITED");
      equal(existsSync(`/sys/fs/cgroup${cgroup}`) ? cgroupFile(cgroup, "cgroup.procs") : "", "");
    });
    await crictl.text("rmp", "-f", other.id);
  });
  await check("the pods of before are removed without a trace", async () => {
    await crictl.text("rmp", "-f", pod.id, paused.id);
    for (const pid of before) equal(existsSync(`/proc/${pid}`), false);
    await noLeaks();
  });
}

/** Fails when numbers that count up do not, but for `most` that are missing. */
function noGaps(lines: readonly string[], most: number): void {
  const missing = Number(lines.at(-1)) - lines.length;
  ok(missing >= 0 && missing <= most, `${lines.length} lines, the last is ${lines.at(-1)}`);
  ok(
    lines.every((line, at) => at === 0 || Number(line) > Number(lines[at - 1])),
    "lines are doubled or out of order",
  );
}
