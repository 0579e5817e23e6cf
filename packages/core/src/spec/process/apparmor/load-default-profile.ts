import { access, readFile } from "node:fs/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";

import { runProgram } from "../../../tasks/run-program.ts";
import { defaultAppArmorProfile } from "./container-apparmor.ts";
import { defaultAppArmorText } from "./default-profile.ts";
import { isProfileLoaded } from "./is-profile-loaded.ts";

const parsers = ["/sbin/apparmor_parser", "/usr/sbin/apparmor_parser", "/usr/bin/apparmor_parser"];
const deadlineMs = 10_000;

/**
 * Loads the profile of ordinary containers, `crib-default`, into the kernel. To be called once at the daemon's start where
 * AppArmor is on. Idempotent: one that is loaded stays. FailedPrecondition without apparmor_parser, and when that refuses.
 */
export async function loadDefaultAppArmorProfile(signal: AbortSignal): Promise<void> {
  const doing = `loading AppArmor profile "${defaultAppArmorProfile}"`;
  if (await isProfileLoaded(defaultAppArmorProfile)) return;
  const parser = await firstOf(parsers);
  if (parser === undefined) throw new StatusError(Code.FailedPrecondition, `${doing}: there is no apparmor_parser`);
  const [hasAbi, hasTunables, current] = await Promise.all([
    exists("/etc/apparmor.d/abi/3.0"),
    exists("/etc/apparmor.d/tunables/global"),
    readFile("/proc/self/attr/current", "utf8"),
  ]);
  // "NAME (enforce)", or a bare name.
  const daemonProfile =
    current
      .replaceAll("\0", "")
      .trim()
      .replace(/ \([a-z]+\)$/, "") || "unconfined";
  const text = defaultAppArmorText({ name: defaultAppArmorProfile, daemonProfile, hasAbi, hasTunables });
  const { exitCode, stderr } = await runProgram(
    {
      doing,
      argv: [parser, "--skip-cache", "--replace"],
      cwd: "/",
      env: {},
      stdin: Buffer.from(text),
      deadlineMs,
      limitBytes: 65_536,
    },
    signal,
  );
  if (exitCode === 0) return;
  throw new StatusError(Code.FailedPrecondition, `${doing}: ${stderr.toString("utf8").trim() || `exit ${exitCode}`}`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (reason) {
    const error = StatusError.from(reason, `looking for "${path}"`);
    if (hasCode(error, Code.NotFound)) return false;
    throw error;
  }
}

async function firstOf(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await exists(path)) return path;
  return undefined;
}
