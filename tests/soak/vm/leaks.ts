import { eventually } from "../../support/eventually.ts";
import { runProgram } from "../../support/run-program.ts";
import { keep } from "./report.ts";

/** Fails unless crib's own count of what it left is zero; undos that are still retried get their time. */
export async function noLeaks(): Promise<void> {
  await eventually(30_000, async () => {
    const { exitCode, stdout, stderr } = await runProgram(["crib", "doctor", "--leaks"], { mayFail: true });
    if (exitCode === 0) return;
    keep(stdout);
    throw new Error(`crib doctor --leaks: ${stdout.trim()} ${stderr.trim()}`);
  });
}
