import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const pollMs = 2;
const quickPolls = 10;

/**
 * The process group of a child that was started with `detached`, and so bears the child's number. No other process can get
 * that number while a member lives; once seen empty, the group is never signalled again, so that a later owner of the number
 * is safe.
 */
export class ProcessGroup {
  readonly #id: number;
  #killed = false;
  #empty = false;

  constructor(childPid: number) {
    this.#id = childPid;
  }

  /** Kills every member. */
  kill(): void {
    this.#killed = true;
    this.#signal("SIGKILL");
  }

  /** To be called when the child was just reaped: learns whether it left anybody. */
  probe(): void {
    this.#signal(0);
  }

  /** Waits until no killed member runs any more; false when that takes longer. True at once when nobody was killed. */
  async ended(withinMs: number): Promise<boolean> {
    const deadlineMs = performance.now() + withinMs;
    for (let polls = 0; this.#killed && !this.#empty; polls++) {
      this.probe();
      if (this.#empty) break;
      // A killed orphan stays a zombie until its new parent reaps it, which some first processes never do.
      if (polls >= quickPolls && !(await hasRunningMember(this.#id))) break;
      if (performance.now() > deadlineMs) return false;
      await sleep(pollMs);
    }
    return true;
  }

  #signal(signal: "SIGKILL" | 0): void {
    if (this.#empty) return;
    try {
      process.kill(-this.#id, signal);
    } catch (reason) {
      // EPERM: a member changed its user; the bounded wait covers that.
      if ((reason as NodeJS.ErrnoException).code === "ESRCH") this.#empty = true;
    }
  }
}

async function hasRunningMember(group: number): Promise<boolean> {
  for (const pid of await readdir("/proc")) {
    if (!/^[0-9]+$/.test(pid)) continue;
    // A process that ended since the listing has no file.
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    // After the name in parentheses, which may hold anything: state, parent, process group (proc_pid_stat(5)).
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ", 3);
    if (pgrp === String(group) && state !== "Z" && state !== "X") return true;
  }
  return false;
}
