import { join } from "node:path";

import { listDir } from "../list-dir.ts";
import type { Finding, LeakContext, LeakCounter } from "../types.ts";
import type { SandboxRow } from "./read-rows.ts";

/** Rows whose clean-up fails, rows that a dead daemon left half-way, and record directories without a row. */
export const rows: LeakCounter = {
  name: "rows",
  async find(context): Promise<readonly Finding[]> {
    const isRunning = (await context.daemon()) !== undefined;
    const unfinished = context.rows.flatMap((row) => {
      const why = whyUnfinished(row, isRunning);
      if (why === undefined) return [];
      return [{ counter: "rows", what: `row of pod "${row.name}"`, why, rowId: row.id }];
    });
    const unreadable = context.unreadable.map((message) => ({
      counter: "rows",
      what: "unreadable record",
      why: message,
    }));
    return [...unfinished, ...unreadable, ...(await orphanedDirs(context))];
  },
};

function whyUnfinished({ state, problem }: SandboxRow, isRunning: boolean): string | undefined {
  if (problem) return `${problem.flow}: ${problem.step}: ${problem.message} (tried ${problem.attempts} times)`;
  if (state === "ready" || state === "notready" || isRunning) return undefined;
  return `it is ${state} and its daemon is dead: the next start ${state === "creating" ? "undoes" : "finishes"} it`;
}

async function orphanedDirs({ config, row }: LeakContext): Promise<readonly Finding[]> {
  const dir = join(config.root, "sandboxes");
  return (await listDir(dir))
    .filter(({ name }) => !row(name))
    .map(({ name }) => ({
      counter: "rows",
      what: "record directory",
      path: join(dir, name),
      why: "no row has this id",
      rowId: name,
    }));
}
