import { CommanderError } from "commander";

import { ExitCode } from "./cli/exit-code.ts";
import { failureLine } from "./cli/failure-line.ts";
import { buildProgram } from "./cli/program.ts";

/** Runs the command line of this process and sets the exit code; leaves the process to end by itself, so that output is complete. */
export async function runMain(): Promise<void> {
  // A reader that has seen enough (`crib trace web | head`) is no failure.
  process.stdout.on("error", (reason: NodeJS.ErrnoException) => {
    if (reason.code !== "EPIPE") throw reason;
  });
  // Set by bin/crib for this process alone; programs that crib starts are not to write into its cache.
  delete process.env["NODE_COMPILE_CACHE"];
  await run(process.argv.slice(2));
}

async function run(args: readonly string[]): Promise<void> {
  const program = buildProgram();
  for (const command of [program, ...program.commands.flatMap((each) => [each, ...each.commands])]) {
    command.exitOverride().configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "crib: ")) });
  }
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (reason) {
    if (reason instanceof CommanderError) {
      process.exitCode = reason.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
      return;
    }
    process.stderr.write(`${failureLine(reason)}\n`);
    process.exitCode = ExitCode.failed;
  }
}
