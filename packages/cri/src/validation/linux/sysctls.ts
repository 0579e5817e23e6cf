import { invalid, quote } from "../values/invalid.ts";
import { checkCount, checkText } from "../values/text.ts";
import type { NamespaceModes } from "./namespaces.ts";

const field = "config.linux.sysctls";

/** The keys of the IPC namespace besides `fs.mqueue.*` (namespaces(7)). */
const ofIpc: ReadonlySet<string> = new Set([
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
]);

/** Names, words and lists of numbers; no line feed, `+` or `=`, by which a value could set a second key (CVE-2022-0811). */
const value = { maxBytes: 1_024, pattern: /^[A-Za-z0-9\t ,.:/_-]*$/, form: "letters, digits, blanks and ,.:/_- only" };

/**
 * Sysctls of the namespaces that the pod owns, in the form with dots. Keys of the host, and keys of a namespace that
 * the pod shares with the host, are refused.
 */
export function checkSysctls(sysctls: Readonly<Record<string, string>>, modes: NamespaceModes): Record<string, string> {
  const entries = Object.entries(sysctls);
  checkCount(field, entries.length, 256);
  const checked = new Map<string, string>();
  for (const [given, setting] of entries) {
    const key = dotted(given);
    checkOwned(key, modes);
    if (checked.has(key)) throw invalid(field, `${quote(key)} is given twice`);
    checked.set(key, checkSetting(key, setting));
  }
  return Object.fromEntries(checked);
}

/** `net/ipv4/conf/eth0.1/mtu` is `net.ipv4.conf.eth0/1.mtu` (sysctl.d(5)); the first separator tells which form it is. */
function dotted(key: string): string {
  checkText(field, key, {
    maxBytes: 256,
    pattern: /^[A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)+$/,
    form: "names joined by dots or slashes",
  });
  const first = /[./]/.exec(key)?.[0];
  return first === "/" ? key.replace(/[./]/g, (separator) => (separator === "/" ? "." : "/")) : key;
}

function checkOwned(key: string, { network, ipc }: NamespaceModes): void {
  if (key.startsWith("net.")) {
    if (network === "node") throw invalid(field, `${quote(key)} is the host's in a pod with the host's network`);
  } else if (key.startsWith("fs.mqueue.") || ofIpc.has(key)) {
    if (ipc === "node") throw invalid(field, `${quote(key)} is the host's in a pod with the host's IPC`);
  } else {
    throw invalid(field, `${quote(key)} is not of a namespace that a pod has`);
  }
}

function checkSetting(key: string, setting: string): string {
  if (!value.pattern.test(setting)) throw invalid(field, `the value of ${quote(key)} must be ${value.form}`);
  return checkText(field, setting.replaceAll("\t", " "), { maxBytes: value.maxBytes });
}
