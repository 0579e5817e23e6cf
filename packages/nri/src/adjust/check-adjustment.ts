import type { ContainerAdjustment, Hook, Mount, POSIXRlimit } from "@crib/wire/nri";

import { checkLinux, unmarked } from "./check-linux.ts";
import { checkExact, checkName, checkOneOf, checkPath, checkText, invalid, quote } from "./check-values.ts";

const rlimitTypes = new Set(
  "AS CORE CPU DATA FSIZE LOCKS MEMLOCK MSGQUEUE NICE NOFILE NPROC RSS RTPRIO RTTIME SIGPENDING STACK"
    .split(" ")
    .map((name) => `RLIMIT_${name}`),
);

/**
 * Throws FailedPrecondition unless an adjustment is well-formed: a plugin is another program, and what it sends ends in the specification
 * that root's runtime carries out. Whether it is wise is for validators to say.
 */
export function checkAdjustment(adjust: ContainerAdjustment): void {
  for (const [key, value] of Object.entries(adjust.annotations)) {
    checkName(unmarked(key), "annotation");
    checkText(value, `value of annotation ${quote(key)}`);
  }
  for (const mount of adjust.mounts) checkMount(mount);
  for (const { key, value } of adjust.env) {
    checkName(unmarked(key), "environment variable");
    if (key.includes("=")) throw invalid(`environment variable ${quote(key)} has "="`);
    checkText(value, `value of environment variable ${quote(key)}`);
  }
  const { prestart, createRuntime, createContainer, startContainer, poststart, poststop } = adjust.hooks ?? {};
  for (const hooks of [prestart, createRuntime, createContainer, startContainer, poststart, poststop]) {
    for (const hook of hooks ?? []) checkHook(hook);
  }
  for (const rlimit of adjust.rlimits) checkRlimit(rlimit);
  for (const { name } of adjust.CDIDevices) {
    if (!/^[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+=[A-Za-z0-9_.:-]+$/.test(name)) {
      throw invalid(`CDI device ${quote(name)} is not like "vendor.com/class=name"`);
    }
  }
  for (const arg of adjust.args) checkText(arg, "argument");
  if (adjust.linux) checkLinux(adjust.linux);
}

function checkMount(mount: Mount): void {
  checkPath(unmarked(mount.destination), "mount destination");
  if (mount.destination.startsWith("-")) return;
  const what = `of mount ${quote(mount.destination)}`;
  checkText(mount.type, `type ${what}:`);
  checkText(mount.source, `source ${what}:`);
  for (const option of mount.options) checkText(option, `option ${what}:`);
  const isBind = mount.type === "bind" || mount.options.some((option) => option === "bind" || option === "rbind");
  if (isBind) checkPath(mount.source, `source ${what}:`);
}

function checkHook(hook: Hook): void {
  checkPath(hook.path, "hook");
  for (const text of [...hook.args, ...hook.env]) checkText(text, `argument or variable of hook ${quote(hook.path)}:`);
  checkExact(hook.timeout?.value, 0n, `time limit of hook ${quote(hook.path)}:`);
}

function checkRlimit({ type, soft, hard }: POSIXRlimit): void {
  checkOneOf(type, rlimitTypes, "rlimit");
  checkExact(hard, 0n, `hard limit ${type}`);
  checkExact(soft, 0n, `soft limit ${type}`);
  if (soft > hard) throw invalid(`soft limit ${type} ${soft} is above the hard limit ${hard}`);
}
