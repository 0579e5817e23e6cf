import { type CheckResult, ok, warn } from "../types.ts";
import { hasFix, parseVersion } from "./version.ts";

/** A published vulnerability of a program that pods depend on. */
interface Advisory {
  readonly id: string;
  readonly what: string;
  /** One release for each maintained line, in ascending order. */
  readonly fixedIn: readonly string[];
}

const advisories: Readonly<Record<string, readonly Advisory[]>> = {
  runc: [
    { id: "CVE-2024-21626", what: "a leaked descriptor gives containers the host's files", fixedIn: ["1.1.12"] },
    { id: "CVE-2025-31133", what: "masked paths can be turned against the host", fixedIn: ["1.2.8", "1.3.3"] },
  ],
  crun: [{ id: "CVE-2025-24965", what: "a krun image can write outside of its root", fixedIn: ["1.20.0"] }],
  "containerd-shim-runc-v2": [
    { id: "CVE-2020-15257", what: "host network pods can reach the shim's socket", fixedIn: ["1.3.9", "1.4.3"] },
  ],
  portmap: [{ id: "CVE-2025-67499", what: "its nftables backend takes foreign traffic", fixedIn: ["1.9.0"] }],
};

/** A program with its version, and a warning where that is older than the fix of a known vulnerability. */
export function judgeVersion(program: string, path: string, printed: string): readonly CheckResult[] {
  const version = parseVersion(printed);
  if (!version) return [ok(`${path} (version unknown)`)];
  const open = (advisories[program] ?? []).filter(({ fixedIn }) => !hasFix(version, fixedIn));
  if (open.length === 0) return [ok(`${path} ${version.join(".")}`)];
  return open.map(({ id, what, fixedIn }) =>
    warn(
      `${path} ${version.join(".")}: ${id}, ${what}`,
      `upgrade to ${fixedIn.join(" or ")}, unless your distribution's package ${version.join(".")} carries the fix`,
    ),
  );
}
