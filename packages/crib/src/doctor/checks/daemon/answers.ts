import { connectCri, type CriClient } from "@crib/cri-client";
import { Code, hasCode, StatusError } from "@crib/errdefs";

import { type Check, type CheckResult, fail, ok, warn } from "../types.ts";

/** Milliseconds for each answer. */
const answerMs = 10_000;

/** Whether the daemon answers, and what it says of itself. */
export const answers: Check = {
  name: "daemon",
  async run({ socket }) {
    await using client = connectCri(socket, { timeoutMs: answerMs });
    try {
      return await ask(client, socket);
    } catch (reason) {
      if (hasCode(reason, Code.Unavailable)) return [warn(`nobody serves at ${socket}`, "start it: crib serve")];
      return [fail(`${socket}: ${StatusError.from(reason).message}`, "look into its log")];
    }
  },
};

async function ask({ runtime }: CriClient, socket: string): Promise<readonly CheckResult[]> {
  const { runtimeName, runtimeVersion } = await runtime.version({});
  const { status } = await runtime.status({});
  const conditions = (status?.conditions ?? []).map(({ type, status: holds, reason, message }) =>
    holds
      ? ok(type)
      : fail(`${type} is false: ${[reason, message].filter(Boolean).join(": ")}`, "see the check of its kind"),
  );
  return [ok(`${runtimeName} ${runtimeVersion} at ${socket}`), ...conditions];
}
