import { createProxyController, type SandboxerConfig } from "@crib/core/proxy";
import { Code, hasCode, StatusError } from "@crib/errdefs";

import type { DaemonConfig } from "../../../daemon/config/types.ts";
import { type Check, type CheckResult, fail, ok } from "../types.ts";

/** Milliseconds for the handshake. */
const answerMs = 5_000;

/** Whether each sandboxer can be reached, and is one. */
export const sandboxers: Check = {
  name: "sandboxers",
  run: async (config) =>
    await Promise.all(Object.values(config.sandboxers).map((sandboxer) => judge(sandboxer, config))),
};

async function judge(config: SandboxerConfig, { state: stateDir }: DaemonConfig): Promise<CheckResult> {
  await using controller = createProxyController({ config, stateDir, log: () => {} });
  try {
    return ok(`${config.name} at ${config.address}: ${await controller.probe(AbortSignal.timeout(answerMs))}`);
  } catch (reason) {
    const what = `${config.name} at ${config.address}: ${StatusError.from(reason).message}`;
    if (hasCode(reason, Code.Unavailable)) return fail(what, "start it; crib reaches it as soon as it listens");
    return fail(what, `look into its log, or change address in [sandboxers.${config.name}]`);
  }
}
