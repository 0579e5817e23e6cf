import { join } from "node:path";

import { listDir } from "../list-dir.ts";
import type { Finding, LeakContext, LeakCounter } from "../types.ts";
import type { ContainerRow, SandboxRow } from "./read-rows.ts";

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
    const ofContainers = context.containers.flatMap((row) => {
      const why = whyUnfinishedContainer(row, isRunning);
      if (why === undefined) return [];
      return [{ counter: "rows", what: `row of container "${row.name}"`, why, rowId: row.id }];
    });
    const unreadable = context.unreadable.map((message) => ({
      counter: "rows",
      what: "unreadable record",
      why: message,
    }));
    return [...unfinished, ...ofContainers, ...unreadable, ...(await orphanedDirs(context))];
  },
};

function whyUnfinished({ state, problem }: SandboxRow, isRunning: boolean): string | undefined {
  if (problem) return describeProblem(problem);
  if (state === "ready" || state === "notready" || isRunning) return undefined;
  return `it is ${state} and its daemon is dead: the next start ${state === "creating" ? "undoes" : "finishes"} it`;
}

function whyUnfinishedContainer({ state, problem, isStopping }: ContainerRow, isRunning: boolean): string | undefined {
  if (problem) return describeProblem(problem);
  const isAtRest = state === "created" || state === "exited" || (state === "running" && !isStopping);
  if (isAtRest || isRunning) return undefined;
  return `it is ${state === "running" ? "being stopped" : state} and its daemon is dead: the next start goes on with it`;
}

function describeProblem({ flow, step, message, attempts }: NonNullable<SandboxRow["problem"]>): string {
  return `${flow}: ${step}: ${message} (tried ${attempts} times)`;
}

async function orphanedDirs(context: LeakContext): Promise<readonly Finding[]> {
  const { config, row, container } = context;
  const found = [
    await orphansIn(join(config.root, "sandboxes"), row),
    await orphansIn(join(config.root, "containers"), container),
  ];
  return found.flat();
}

async function orphansIn(dir: string, row: (id: string) => unknown): Promise<readonly Finding[]> {
  return (await listDir(dir))
    .filter(({ name }) => row(name) === undefined)
    .map(({ name }) => ({
      counter: "rows",
      what: "record directory",
      path: join(dir, name),
      why: "no row has this id",
      rowId: name,
    }));
}
