import type { Finding, LeakCounter } from "../types.ts";
import { daemonStart } from "./daemon-start.ts";

/** Rows of pulls that a dead daemon left, and those that the running one has found and not taken back. */
export const pulls: LeakCounter = {
  name: "pulls",
  async find(context): Promise<readonly Finding[]> {
    if (!context.hasDatabase) return [];
    const { pulls } = await context.images();
    if (pulls.length === 0) return [];
    const start = await daemonStart(context);
    return pulls
      .filter(({ createdAt }) => start === undefined || Date.parse(createdAt) < start)
      .map(({ id, reference }) => ({
        counter: "pulls",
        what: `pull ${id} of "${reference}"`,
        why: start === undefined ? "its daemon is dead: the next start undoes it" : "it is an earlier daemon's",
      }));
  },
};
