import { findFault } from "../../../daemon/handlers/find-fault.ts";
import { type Check, type CheckResult, fail, ok } from "../types.ts";

/** Whether pods can run with each runtime handler, as far as can be seen without one. */
export const handlers: Check = {
  name: "runtime handlers",
  async run({ runtimes, sandboxers }) {
    const controllers = ["podsandbox", "shim", ...Object.keys(sandboxers)];
    const judged = Object.values(runtimes).map(async (handler): Promise<CheckResult> => {
      const { name, controller } = handler;
      const fault = await findFault(handler, controllers);
      if (fault === undefined) return ok(`${name}: ${controller}`);
      return fail(
        `${name}: ${fault}`,
        `change [runtimes.${name}], then run crib reload; other handlers are not affected`,
      );
    });
    return await Promise.all(judged);
  },
};
