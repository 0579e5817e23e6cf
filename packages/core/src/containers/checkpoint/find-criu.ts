import { access, constants } from "node:fs/promises";
import { isAbsolute, join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import { runProgram } from "../../tasks/run-program.ts";

/** From here on the namespaces that a container has from its pod can be dumped as such; containerd asks for the same. */
const oldest = [3, 16] as const;
/** Milliseconds and bytes for `criu --version`. */
const versionLimits = { deadlineMs: 5_000, limitBytes: 4_096 };

/** CRIU as it was found. */
export interface Criu {
  readonly path: string;
  readonly version: string;
}

/** Looks for CRIU in `path` (colon separated, as PATH is). Unimplemented, saying what is missing, without one that will do. */
export async function findCriu(path: string, signal: AbortSignal): Promise<Criu> {
  const program = await firstProgram(path.split(":").filter(isAbsolute));
  if (program === undefined) throw new StatusError(Code.Unimplemented, `CRIU is not installed: no "criu" in ${path}`);
  const wanted = `at least ${oldest.join(".")} is needed`;
  const end = await runProgram(
    {
      doing: `asking "${program}" for its version`,
      argv: [program, "--version"],
      cwd: "/",
      env: { PATH: path },
      ...versionLimits,
    },
    signal,
  );
  const [, version = "", major, minor] = /Version: ((\d+)\.(\d+)[\w.-]*)/.exec(end.stdout.toString()) ?? [];
  if (end.exitCode !== 0 || version === "") {
    throw new StatusError(Code.Unimplemented, `"${program}" does not tell its version as CRIU does; ${wanted}`);
  }
  const isOld = Number(major) < oldest[0] || (Number(major) === oldest[0] && Number(minor) < oldest[1]);
  if (isOld) throw new StatusError(Code.Unimplemented, `CRIU "${program}" is too old: ${version}, ${wanted}`);
  return { path: program, version };
}

async function firstProgram(dirs: readonly string[]): Promise<string | undefined> {
  for (const dir of dirs) {
    const program = join(dir, "criu");
    try {
      await access(program, constants.X_OK);
      return program;
    } catch {
      continue; // absent and unusable are the same to a search
    }
  }
  return undefined;
}
