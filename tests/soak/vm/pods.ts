import { readFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { crictlFor } from "../../conformance/crictl.ts";
import { type CgroupDriver, endpoint } from "./service.ts";

/** Where pods' logs and the files for crictl are. */
const folder = "/var/log/crib-vm";
mkdirSync(folder, { recursive: true });

/** crictl against the service. */
export const crictl = crictlFor(endpoint, folder);

/** What every container of the story is made from. */
export const image = "registry.k8s.io/e2e-test-images/busybox:1.29-2";

/** The parent that a kubelet names for pods of one class, in the form that goes with the driver. */
export const parents: Readonly<Record<CgroupDriver, string>> = {
  systemd: "kubepods-burstable-podstory.slice",
  cgroupfs: "/kubepods/burstable/podstory",
};

/** A pod that was asked for. */
export interface StoryPod {
  readonly id: string;
  /** Configuration file, as crictl wants it again for each container. */
  readonly file: string;
  readonly logs: string;
}

/** Runs a pod as a kubelet would; its PID namespace is each container's own (1) or shared (0). */
export async function runPod(name: string, cgroupParent: string, { pid = 1 } = {}): Promise<StoryPod> {
  const logs = join(folder, name);
  mkdirSync(logs, { recursive: true });
  const file = join(folder, `${name}.json`);
  writeFileSync(
    file,
    JSON.stringify({
      metadata: { name, namespace: "default", uid: `uid-${name}`, attempt: 0 },
      hostname: name,
      log_directory: logs,
      linux: { cgroup_parent: cgroupParent, security_context: { namespace_options: { pid } } },
    }),
  );
  return { id: (await crictl.text("runp", file)).trim(), file, logs };
}

/** Starts a container with a shell script in a pod and gives its id. `linux` is the LinuxContainerConfig. */
export async function runContainer(pod: StoryPod, name: string, script: string, linux: object = {}): Promise<string> {
  const file = `${pod.file}.${name}`;
  writeFileSync(
    file,
    JSON.stringify({
      metadata: { name, attempt: 0 },
      image: { image },
      command: ["/bin/sh", "-c", script],
      log_path: `${name}.log`,
      linux,
    }),
  );
  const id = (await crictl.text("create", pod.id, file, pod.file)).trim();
  await crictl.text("start", id);
  return id;
}

/** A container's status as crictl has it. */
export interface StoryStatus {
  readonly status: { readonly state: string; readonly exitCode: number; readonly reason: string };
  readonly info: { readonly pid?: number };
}

/** Status and, while it runs, pid. */
export async function inspect(id: string): Promise<StoryStatus> {
  return await crictl.json<StoryStatus>("inspect", id);
}

/** The pid of a container that runs. */
export async function pidOf(id: string): Promise<number> {
  const { info, status } = await inspect(id);
  if (!info.pid) throw new Error(`container ${id} (${status.state}) has no pid`);
  return info.pid;
}

/** Standard output of a command in a container, which must succeed. */
export async function exec(id: string, ...command: readonly string[]): Promise<string> {
  return (await crictl.text("exec", "-s", id, ...command)).trim();
}

/** The cgroup of a process below /sys/fs/cgroup. */
export function cgroupOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().replace(/^0::/, "");
}

/** A file of a version 2 cgroup. */
export function cgroupFile(cgroup: string, file: string): string {
  return readFileSync(`/sys/fs/cgroup${cgroup}/${file}`, "utf8").trim();
}

/** What a container wrote, without the time and stream of each line. */
export function logText(pod: StoryPod, name: string): readonly string[] {
  return readFileSync(join(pod.logs, `${name}.log`), "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split(" ").slice(3).join(" "));
}
