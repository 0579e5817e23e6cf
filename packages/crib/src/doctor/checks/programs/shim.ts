import { basename } from "node:path";

import { findProgram } from "../../../daemon/find-program.ts";
import { hasShim } from "../../../daemon/handlers/has-shim.ts";
import { runTool } from "../../run-tool.ts";
import { type Check, type CheckResult, fail } from "../types.ts";
import { judgeVersion } from "./judge-version.ts";

/** The Runtime v2 shim of each handler. */
export const shim: Check = {
  name: "shim",
  async run({ runtimes }) {
    const wanted = Object.values(runtimes)
      .filter(hasShim)
      .map(({ runtimePath, runtimeType }) => runtimePath || fileName(runtimeType));
    const results = await Promise.all([...new Set(wanted)].map(judge));
    return results.flat();
  },
};

/** `io.containerd.runc.v2` is served by `containerd-shim-runc-v2`. */
function fileName(runtimeType: string): string {
  return runtimeType.startsWith("/") ? runtimeType : `containerd-shim-${runtimeType.split(".").slice(-2).join("-")}`;
}

async function judge(name: string): Promise<readonly CheckResult[]> {
  const path = findProgram(name);
  if (path === undefined) {
    return [
      fail(`${name} is not installed`, "install it (Debian: apt install containerd); containerd itself need not run"),
    ];
  }
  return judgeVersion(basename(path), path, await runTool(path, ["-v"]));
}
