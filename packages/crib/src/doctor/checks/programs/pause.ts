import { findProgram } from "../../../daemon/find-program.ts";
import { findPauseCommand } from "../../../daemon/pause-command.ts";
import { type Check, ok, warn } from "../types.ts";

/** The pause program, which pods with a shared PID namespace need. */
export const pause: Check = {
  name: "pause",
  async run({ runtime }) {
    const [path] = await findPauseCommand(runtime.pauseBinary);
    if (findProgram(path) !== undefined) return [ok(path)];
    const advice = "install it (Debian: apt install catatonit), or set pause_binary in [runtime]";
    return [warn(`${path} is not installed: pods with a shared PID namespace cannot run`, advice)];
  },
};
