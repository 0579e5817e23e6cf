import { Code, StatusError } from "@crib/errdefs";

import type { PullSession } from "../pull-session.ts";
import type { PullFacts } from "../types.ts";
import type { PullContext } from "./types.ts";

/** What the running pull has in memory. */
export function sessionOf({ id, deps }: PullContext): PullSession {
  const session = deps.sessions.get(id);
  if (session) return session;
  throw new StatusError(Code.Internal, `pull "${id}": it is not of this process`);
}

/** A fact that an earlier step has learned. */
export function factOf<Key extends keyof PullFacts>({ id, facts }: PullContext, key: Key): PullFacts[Key] {
  const fact = facts[key];
  if (fact !== undefined) return fact;
  throw new StatusError(Code.Internal, `pull "${id}": the image has not been resolved`);
}
