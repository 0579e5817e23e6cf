import { findProgram } from "../../../daemon/find-program.ts";
import { type Check, ok, warn } from "../types.ts";

/** Programs that `crib doctor --leaks` and `crib demo` call; the daemon needs none of them. */
const wanted = [
  { name: "ip", from: "iproute2" },
  { name: "nsenter", from: "util-linux" },
];

/** Programs for looking at the host. */
export const tools: Check = {
  name: "tools",
  run() {
    const missing = wanted.filter(({ name }) => findProgram(name) === undefined);
    if (missing.length === 0) return [ok(wanted.map(({ name }) => name).join(", "))];
    return missing.map(({ name, from }) =>
      warn(`${name} is not installed: crib doctor --leaks cannot count veths`, `apt install ${from}`),
    );
  },
};
