import type { SandboxStatusResponse } from "@crib/wire/sandbox";

import { dateOf } from "../../proxy/answers.ts";

/** What a shim says of a sandbox that was started: it runs, it has ended, or nothing that could be understood. */
export type SaidState = "running" | "ended" | "unclear";

const running = new Set(["ready", "running", "started", "up"]);
const ended = new Set(["notready", "stopped", "exited", "terminated", "deleted", "dead", "down"]);

/**
 * Reads the status of a started sandbox. The API says only that the state is text: containerd writes SANDBOX_READY and SANDBOX_NOTREADY, others
 * what they like. Where the text tells nothing, a time of exit does.
 */
export function saidState({ state, exitedAt }: SandboxStatusResponse): SaidState {
  const word = state
    .toLowerCase()
    .replace(/^sandbox[_-]?|^state[_-]?/, "")
    .replaceAll(/[^a-z]/g, "");
  if (running.has(word)) return "running";
  if (ended.has(word)) return "ended";
  return dateOf(exitedAt) === undefined ? "unclear" : "ended";
}
