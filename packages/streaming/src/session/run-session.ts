import type { Session, StreamingLog } from "../types.ts";
import type { ClientEnds } from "./client-ends.ts";
import type { Outcome } from "./status.ts";

/** Joins a session with its client and tells the client how it ended. Never rejects. */
export async function runSession(
  session: Session,
  ends: ClientEnds,
  signal: AbortSignal,
  log: StreamingLog,
): Promise<void> {
  const outcome = await outcomeOf(session, ends, signal, log);
  if (!signal.aborted) await ends.finish(outcome);
}

async function outcomeOf(session: Session, ends: ClientEnds, signal: AbortSignal, log: StreamingLog): Promise<Outcome> {
  try {
    return { kind: "exited", exitCode: await session.run(ends.streams, signal) };
  } catch (error) {
    if (!signal.aborted) log.debug({ error }, "session failed");
    return { kind: "failed", message: error instanceof Error ? error.message : String(error) };
  }
}
