import { connectCri } from "@crib/cri-client";

import type { DaemonConfig } from "../daemon/config/types.ts";

/** Milliseconds for the answer; a daemon that hangs must not keep the doctor away. */
const answerMs = 2_000;

/**
 * The configuration of the daemon that runs on the same root, which may have been started with other flags than the
 * doctor; `config` itself when none answers.
 */
export async function runningConfig(config: DaemonConfig): Promise<DaemonConfig> {
  await using client = connectCri(config.socket, { timeoutMs: answerMs });
  try {
    const { info } = await client.runtime.status({ verbose: true });
    const running = JSON.parse(info["config"] ?? "{}") as Partial<DaemonConfig>;
    return running.root === config.root && running.state === config.state ? { ...config, ...running } : config;
  } catch {
    return config; // what is wrong with the daemon is told by a check of its own
  }
}
