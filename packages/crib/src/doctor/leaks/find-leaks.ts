import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";

import { counters } from "./counters.ts";
import { fillLeakConfig, openLeakContext, readInstance } from "./open-context.ts";
import type { Finding, LeakConfig, LeakContext, LeakReport } from "./types.ts";

interface Look {
  readonly findings: readonly Finding[];
  readonly problems: LeakReport["problems"];
  readonly daemon: number | undefined;
}

/**
 * Counts what is on the host, is this daemon's, and belongs to no row. Changes nothing; works with the daemon running
 * or dead. PermissionDenied without root, to whom alone all processes and directories show.
 */
export async function findLeaks(settings: LeakConfig): Promise<LeakReport> {
  if (process.getuid?.() !== 0) throw new StatusError(Code.PermissionDenied, "counting leaks: it needs root");
  const config = fillLeakConfig(settings);
  // Without an instance no id is ours, but what lies in the daemon's own directories still is.
  const instance = await readInstance(config.root);
  let look = await lookOnce(await openLeakContext(config, instance));
  if (look.findings.length > 0 || look.problems.length > 0) {
    await delay(config.secondLookMs);
    const first = new Set(look.findings.map(keyOf));
    const second = await lookOnce(await openLeakContext(config, instance));
    look = { ...second, findings: second.findings.filter((finding) => first.has(keyOf(finding))) };
  }
  return report(look, instance);
}

/** Whether every counter could count and is zero. */
export function isClean({ findings, problems }: LeakReport): boolean {
  return findings.length === 0 && problems.length === 0;
}

async function lookOnce(context: LeakContext): Promise<Look> {
  const findings: Finding[] = [];
  const problems: { counter: string; message: string }[] = [];
  const looked = await Promise.allSettled(counters.map((counter) => counter.find(context)));
  for (const [index, result] of looked.entries()) {
    if (result.status === "fulfilled") findings.push(...result.value);
    else problems.push({ counter: counters[index]?.name ?? "", message: StatusError.from(result.reason).message });
  }
  return { findings, problems, daemon: await context.daemon() };
}

function report({ findings, problems, daemon }: Look, instance: string | undefined): LeakReport {
  const failed = new Set(problems.map(({ counter }) => counter));
  const count = (name: string): number => findings.filter(({ counter }) => counter === name).length;
  return {
    ...(instance !== undefined && { instance }),
    ...(daemon !== undefined && { daemon }),
    counts: Object.fromEntries(counters.map(({ name }) => [name, failed.has(name) ? null : count(name)])),
    findings,
    problems,
  };
}

function keyOf({ counter, path, pid, rowId, what }: Finding): string {
  return JSON.stringify([counter, path, pid, rowId, path === undefined && pid === undefined ? what : ""]);
}
