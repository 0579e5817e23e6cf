import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";

/** A child that sleeps, with its pid; killed with the test. `args` replace its command. */
export async function startSleeper(
  t: TestContext,
  options: { readonly env?: Readonly<Record<string, string>>; readonly command?: string } = {},
): Promise<{ readonly pid: number; readonly child: ChildProcess }> {
  const { env = {}, command = "exec sleep 60" } = options;
  const child = spawn("sh", ["-c", command], {
    env: { PATH: process.env["PATH"], ...env },
    stdio: "ignore",
    detached: true,
  });
  await once(child, "spawn");
  const { pid } = child;
  if (pid === undefined) throw new Error("no pid");
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    // Its own group, made by this test, while the leader is not reaped.
    process.kill(-pid, "SIGKILL");
    await exited;
  });
  return { pid, child };
}
