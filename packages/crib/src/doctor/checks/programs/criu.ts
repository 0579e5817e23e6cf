import { findCriu } from "@crib/core/containers";
import { Code, hasCode, StatusError } from "@crib/errdefs";

import { runTool } from "../../run-tool.ts";
import { type Check, ok, warn } from "../types.ts";

/** CRIU, without which CheckpointContainer is refused; nothing else needs it. */
export const criu: Check = {
  name: "criu",
  async run() {
    // As the daemon and its shims look for it.
    const path = process.env["PATH"] ?? "";
    try {
      const { path: program, version } = await findCriu(path, new AbortController().signal);
      const found = `${program} ${version}`;
      try {
        await runTool(program, ["check"]);
      } catch (reason) {
        const what = `${found} does not work on this kernel: ${StatusError.from(reason).message}`;
        return [warn(what, "install a newer CRIU; until then CheckpointContainer fails")];
      }
      return [ok(found)];
    } catch (reason) {
      if (!hasCode(reason, Code.Unimplemented)) throw reason;
      // Few need it, so that it is no fault to be without.
      return [ok(`CheckpointContainer is refused: ${StatusError.from(reason).message}`)];
    }
  },
};
