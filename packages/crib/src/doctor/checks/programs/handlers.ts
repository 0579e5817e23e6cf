import { connectCri } from "@crib/cri-client";

import { findFault } from "../../../daemon/handlers/find-fault.ts";
import { type Check, type CheckResult, fail, ok } from "../types.ts";

/** Milliseconds for the daemon's answer; one that hangs must not keep the doctor away. */
const answerMs = 2_000;

/** Whether pods can run with each runtime handler, as far as can be seen without one. */
export const handlers: Check = {
  name: "runtime handlers",
  async run({ runtimes, sandboxers, socket }) {
    const known = new Set(["podsandbox", "shim", ...Object.keys(sandboxers), ...(await controllersInUse(socket))]);
    const judged = Object.values(runtimes).map(async (handler): Promise<CheckResult> => {
      const { name, controller } = handler;
      const fault = await findFault(handler, [...known]);
      if (fault === undefined) return ok(`${name}: ${controller}`);
      return fail(
        `${name}: ${fault}`,
        `change [runtimes.${name}], then run crib reload; other handlers are not affected`,
      );
    });
    return await Promise.all(judged);
  },
};

/** Controllers of the usable handlers of a daemon that runs: a program that embeds crib may have given it some of its own. */
async function controllersInUse(socket: string): Promise<readonly string[]> {
  await using client = connectCri(socket, { timeoutMs: answerMs });
  try {
    const { info } = await client.runtime.status({ verbose: true });
    const told = JSON.parse(info["handlers"] ?? "[]") as readonly {
      readonly controller: string;
      readonly usable: boolean;
    }[];
    return told.filter(({ usable }) => usable).map(({ controller }) => controller);
  } catch {
    return []; // what is wrong with the daemon is told by a check of its own
  }
}
