import { findProgram } from "../../../daemon/find-program.ts";
import { hasShim } from "../../../daemon/handlers/has-shim.ts";
import { ociRuntimeOf } from "../../../daemon/handlers/oci-runtime-of.ts";
import { programOf } from "../../../daemon/handlers/old-runtime.ts";
import { runTool } from "../../run-tool.ts";
import { type Check, fail } from "../types.ts";
import { judgeVersion } from "./judge-version.ts";

const howToRefuse = 'old_runtime = "refuse" in [runtimes.NAME] lets no pod run with what is not fixed upstream';

/** runc or crun of each handler whose shim uses one. */
export const ociRuntime: Check = {
  name: "oci runtime",
  async run({ runtimes }) {
    const names = Object.values(runtimes)
      .filter(hasShim)
      .map(ociRuntimeOf)
      .filter((name) => name !== undefined);
    const results = await Promise.all([...new Set(names)].map(judge));
    return results.flat();
  },
};

async function judge(name: string): Promise<ReturnType<typeof judgeVersion>> {
  const path = findProgram(name);
  if (path === undefined) return [fail(`${name} is not installed`, "install runc or crun (Debian: apt install runc)")];
  const printed = await runTool(path, ["--version"]);
  return judgeVersion(programOf(printed), path, printed, `; ${howToRefuse}`);
}
