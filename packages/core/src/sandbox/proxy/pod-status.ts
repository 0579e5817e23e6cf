import { Code, StatusError } from "@crib/errdefs";
import type { SandboxStatus } from "@crib/sandboxer";

import type { Reported } from "./answers.ts";
import type { StatusOptions } from "./sandboxer-calls.ts";
import { isRunning, type PodWatch, settlePod } from "./watch-pod.ts";

/**
 * How a sandbox fares, by its sandboxer if that can be asked. One that has been started and of which nobody can tell is pending; one
 * that turns out to have ended is settled.
 */
export async function podStatus(
  watch: PodWatch,
  signal: AbortSignal,
  options: StatusOptions = {},
): Promise<SandboxStatus> {
  const { pod, link } = watch;
  const { id, state } = pod;
  const own = { sandboxer: link.name, address: link.address };
  const shown = (info: Readonly<Record<string, string>> = {}): SandboxStatus["info"] =>
    options.verbose === true ? { ...info, ...own } : {};
  const ended = (): SandboxStatus => ({
    state: "exited",
    info: shown(),
    ...(pod.exit.status && { exit: pod.exit.status }),
  });
  if (pod.exit.status) return ended();
  let said: Reported | undefined;
  try {
    said = await watch.ask(signal, options);
  } catch (reason) {
    if (state.kind === "created" || signal.aborted) throw reason;
    const now = { since: new Date(), reason: StatusError.from(reason).message };
    const { since, reason: why } = pod.untold ?? link.loss ?? now;
    return { state: "pending", pendingSince: since, info: shown({ reason: why }) };
  }
  const process = pod.process && { process: pod.process };
  if (state.kind === "ready") {
    if (isRunning(pod, said)) return { state: "ready", info: shown(said.info), ...process };
    await settlePod(watch, said, undefined);
    return ended();
  }
  if (said) return { state: "created", info: shown(said.info) };
  const text = `reading the status of sandbox "${id}": sandboxer "${link.name}" does not know it`;
  throw new StatusError(Code.NotFound, text);
}
