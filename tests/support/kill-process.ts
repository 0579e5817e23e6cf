/** SIGKILL for a process; nothing when it has ended. For those that may end by themselves, such as a shim whose pod was killed. */
export function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== "ESRCH") throw reason;
  }
}
