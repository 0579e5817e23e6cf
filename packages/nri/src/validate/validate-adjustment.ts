import { Code, StatusError } from "@crib/errdefs";
import { Plugin as PluginService, type ValidateContainerAdjustmentRequest } from "@crib/wire/nri";

import { boundedWords, type Plugin } from "../plugin/plugin.ts";

const operation = "ValidateContainerAdjustment";

/** Asks validators, all at the same time. Throws FailedPrecondition when one says no, cannot answer or is lost: here silence is no consent. */
export async function validateAdjustment(
  validators: readonly Plugin[],
  request: ValidateContainerAdjustmentRequest,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const results = await Promise.allSettled(
    validators.map(async (plugin) => {
      const call = { operation, timeoutMs, signal };
      const outcome = await plugin.call(PluginService.method.validateContainerAdjustment, request, call);
      const who = `validator "${plugin.fullName}"`;
      const subject = `the adjustment of container "${request.container?.id ?? ""}"`;
      if (outcome.kind === "lost") {
        throw new StatusError(Code.FailedPrecondition, `${who} was lost over ${subject}: ${await plugin.closed}`);
      }
      const { reject, reason } = outcome.message;
      if (reject) throw new StatusError(Code.FailedPrecondition, `${who} refused ${subject}: ${boundedWords(reason)}`);
    }),
  );
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
