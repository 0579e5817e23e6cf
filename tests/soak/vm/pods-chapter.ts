import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";

import { eventually } from "../../support/eventually.ts";
import { noLeaks } from "./leaks.ts";
import {
  cgroupFile,
  cgroupOf,
  crictl,
  exec,
  inspect,
  logText,
  parents,
  pidOf,
  runContainer,
  runPod,
  type StoryPod,
} from "./pods.ts";
import { check } from "./report.ts";
import { type CgroupDriver, output } from "./service.ts";

const mebibyte = 1024 * 1024;
const limits = { memory_limit_in_bytes: 64 * 1024 * 1024, cpu_quota: 50_000, cpu_period: 100_000, cpu_shares: 512 };

/** The life of pods and containers, looked at from the host: its cgroups, its AppArmor, its processes. */
export async function podsChapter(driver: CgroupDriver): Promise<void> {
  let pod: StoryPod | undefined;
  let main = "";
  await check("a pod runs", async () => {
    pod = await runPod(`story-${driver}`, parents[driver]);
  });
  await check("a container with limits runs", async () => {
    const script = "echo begun; i=0; while :; do i=$((i+1)); echo tick $i; sleep 1; done";
    main = await runContainer(given(pod), "main", script, { resources: limits });
    equal((await inspect(main)).status.state, "CONTAINER_RUNNING");
  });
  await check("its cgroup is where the driver puts it, with the limits", async () => {
    const cgroup = cgroupOf(await pidOf(main));
    match(cgroup, place(driver, given(pod).id, main));
    equal(cgroupFile(cgroup, "memory.max"), "67108864");
    equal(cgroupFile(cgroup, "cpu.max"), "50000 100000");
    notEqual(cgroupFile(cgroup, "cpu.weight"), "100");
    if (driver === "systemd") match(await output("systemctl", "show", `crib-${main}.scope`), /^ActiveState=active$/m);
  });
  await check("limits are updated in place", async () => {
    await crictl.text(
      "update",
      "--memory",
      `${96 * 1024 * 1024}`,
      "--cpu-quota",
      "75000",
      "--cpu-period",
      "100000",
      main,
    );
    const cgroup = cgroupOf(await pidOf(main));
    equal(cgroupFile(cgroup, "memory.max"), "100663296");
    equal(cgroupFile(cgroup, "cpu.max"), "75000 100000");
    // systemd writes its own idea again with any change of units.
    if (driver === "systemd") await output("systemctl", "daemon-reload");
    equal(cgroupFile(cgroup, "memory.max"), "100663296");
    equal(cgroupFile(cgroup, "cpu.max"), "75000 100000");
  });
  await check("swap, huge pages and files of cgroup v2 by their names are limited", async () => {
    const id = await runContainer(given(pod), "limited", "sleep 1000", {
      resources: {
        memory_limit_in_bytes: 64 * mebibyte,
        memory_swap_limit_in_bytes: 96 * mebibyte,
        hugepage_limits: [{ page_size: "2MB", limit: 6 * mebibyte }],
        unified: { "memory.high": `${48 * mebibyte}` },
      },
    });
    const cgroup = cgroupOf(await pidOf(id));
    equal(cgroupFile(cgroup, "memory.swap.max"), `${32 * mebibyte}`);
    equal(cgroupFile(cgroup, "memory.high"), `${48 * mebibyte}`);
    equal(cgroupFile(cgroup, "hugetlb.2MB.max"), `${6 * mebibyte}`);
    await crictl.text("rm", "-f", id);
  });
  await check("it sees its own cgroup namespace, and no oom score of the daemon", async () => {
    equal(await exec(main, "cat", "/proc/self/cgroup"), "0::/");
    equal(readFileSync(`/proc/${await pidOf(main)}/oom_score_adj`, "utf8"), "0\n");
  });
  await check("exec and logs work", async () => {
    equal(await exec(main, "hostname"), `story-${driver}`);
    await eventually(10_000, () => deepEqual(logText(given(pod), "main").slice(0, 3), ["begun", "tick 1", "tick 2"]));
    match(await crictl.text("logs", main), /^begun\ntick 1\n/);
    equal((await crictl.run("exec", "-s", main, "sh", "-c", "exit 3")).exitCode === 0, false);
  });
  await check("statistics of container and pod are there", async () => statistics(given(pod), main));
  await appArmorChecks(
    () => given(pod),
    () => main,
  );
  await check("a container that takes too much memory is OOMKilled", async () => {
    const script = "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo survived";
    const id = await runContainer(given(pod), "greedy", script, {
      resources: { memory_limit_in_bytes: 32 * 1024 * 1024, memory_swap_limit_in_bytes: 32 * 1024 * 1024 },
    });
    await eventually(120_000, async () => equal((await inspect(id)).status.state, "CONTAINER_EXITED"));
    const { reason, exitCode } = (await inspect(id)).status;
    deepEqual([reason, exitCode], ["OOMKilled", 137]);
    equal((await inspect(main)).status.state, "CONTAINER_RUNNING");
  });
  await sharedPid(driver);
  await check("stop and remove leave nothing", async () => {
    const cgroup = cgroupOf(await pidOf(main));
    await crictl.text("stop", "-t", "1", main);
    equal((await inspect(main)).status.state, "CONTAINER_EXITED");
    await crictl.text("stopp", given(pod).id);
    await crictl.text("rmp", given(pod).id);
    equal(existsSync(`/sys/fs/cgroup${cgroup}`), false);
    await noLeaks();
  });
}

async function statistics(pod: StoryPod, main: string): Promise<void> {
  interface Stats {
    readonly stats: readonly {
      readonly cpu?: { readonly usageCoreNanoSeconds?: { readonly value: string } };
      readonly memory?: { readonly workingSetBytes?: { readonly value: string } };
    }[];
  }
  const { stats } = await crictl.json<Stats>("stats", "--id", main);
  ok(Number(stats[0]?.cpu?.usageCoreNanoSeconds?.value) > 0, JSON.stringify(stats));
  ok(Number(stats[0]?.memory?.workingSetBytes?.value) > 0, JSON.stringify(stats));
  interface PodStats {
    readonly stats: readonly {
      readonly linux?: { readonly cpu?: object; readonly memory?: object; readonly network?: object };
    }[];
  }
  const ofPod = (await crictl.json<PodStats>("statsp", "--id", pod.id)).stats[0]?.linux;
  ok(ofPod?.cpu && ofPod.memory && ofPod.network, JSON.stringify(ofPod));
}

/** Privileges for mounting, so that only AppArmor can be in the way. */
const mayMount = { capabilities: { add_capabilities: ["SYS_ADMIN"] }, seccomp: { profile_type: 1 } };

async function appArmorChecks(pod: () => StoryPod, main: () => string): Promise<void> {
  await check("a container is confined by crib-default", async () => {
    equal(
      readFileSync(`/proc/${await pidOf(main())}/attr/current`, "utf8")
        .replaceAll("\0", "")
        .trim(),
      "crib-default (enforce)",
    );
    match(await exec(main(), "cat", "/proc/self/attr/current"), /^crib-default \(enforce\)/);
  });
  await check("AppArmor denies a mount that capabilities allow", async () => {
    const id = await runContainer(pod(), "mounter", "sleep 1000", { security_context: mayMount });
    await rejects(exec(id, "mount", "-t", "tmpfs", "none", "/mnt"), /denied|permitted/i);
  });
  await check("unconfined is unconfined, on request", async () => {
    const id = await runContainer(pod(), "free", "sleep 1000", {
      security_context: { ...mayMount, apparmor: { profile_type: 1 } },
    });
    match(await exec(id, "cat", "/proc/self/attr/current"), /^unconfined/);
    await exec(id, "mount", "-t", "tmpfs", "none", "/mnt");
  });
  await check("a profile that is not loaded is refused", async () => {
    const profile = { profile_type: 2, localhost_ref: "no-such-profile" };
    await rejects(runContainer(pod(), "wrong", "true", { security_context: { apparmor: profile } }), /no-such-profile/);
  });
}

/** A pod with a pause process, and one without a parent for its cgroup. */
async function sharedPid(driver: CgroupDriver): Promise<void> {
  await check("a pod with a shared PID namespace and no cgroup parent runs and goes", async () => {
    const pod = await runPod(`shared-${driver}`, "", { pid: 0 });
    const id = await runContainer(pod, "main", "sleep 1000");
    ok((await exec(id, "ps")).split("\n").length > 2);
    interface Stats {
      readonly stats: readonly { readonly memory?: { readonly workingSetBytes?: { readonly value: string } } }[];
    }
    const { stats } = await crictl.json<Stats>("stats", "--id", id);
    ok(Number(stats[0]?.memory?.workingSetBytes?.value) > 0, `${cgroupOf(await pidOf(id))} ${JSON.stringify(stats)}`);
    await crictl.text("rmp", "-f", pod.id);
  });
}

function place(driver: CgroupDriver, pod: string, container: string): RegExp {
  if (driver === "cgroupfs") return new RegExp(`^/kubepods/burstable/podstory/crib-${pod}/crib-${container}$`);
  return new RegExp(
    `^/kubepods\\.slice/kubepods-burstable\\.slice/kubepods-burstable-podstory\\.slice/crib-${container}\\.scope$`,
  );
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("what this needs has failed before");
  return value;
}
