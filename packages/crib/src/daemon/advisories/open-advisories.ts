import { hasFix, type Version } from "./version.ts";

/** A published vulnerability of a program that pods depend on. */
export interface Advisory {
  readonly id: string;
  readonly what: string;
  /** One release for each line that was maintained then, in ascending order. */
  readonly fixedIn: readonly string[];
}

const november2025 = ["1.2.8", "1.3.3", "1.4.0-rc.3"];

/** From the release notes and advisories of each project. */
const advisories: Readonly<Record<string, readonly Advisory[]>> = {
  runc: [
    { id: "CVE-2024-21626", what: "a leaked descriptor gives containers the host's files", fixedIn: ["1.1.12"] },
    { id: "CVE-2025-31133", what: "masked paths can be turned against the host", fixedIn: november2025 },
    { id: "CVE-2025-52565", what: "the mount of /dev/console can be turned against the host", fixedIn: november2025 },
    { id: "CVE-2025-52881", what: "writes to /proc can be turned against the host", fixedIn: november2025 },
    {
      id: "CVE-2026-41579",
      what: "an image whose /dev is a symlink can write to the host, within limits",
      fixedIn: ["1.3.6", "1.4.3", "1.5.0-rc.3"],
    },
  ],
  crun: [
    { id: "CVE-2025-24965", what: "a krun image can write outside of its root", fixedIn: ["1.20"] },
    {
      id: "CVE-2026-88264",
      what: "an image whose /dev/console is a symlink makes files on the host",
      fixedIn: ["1.30"],
    },
    {
      id: "CVE-2026-88265",
      what: "an image whose /dev/null is a symlink is given a file of the host",
      fixedIn: ["1.30"],
    },
  ],
  "containerd-shim-runc-v2": [
    { id: "CVE-2020-15257", what: "host network pods can reach the shim's socket", fixedIn: ["1.3.9", "1.4.3"] },
  ],
  portmap: [{ id: "CVE-2025-67499", what: "its nftables backend takes foreign traffic", fixedIn: ["1.9.0"] }],
};

/**
 * The known vulnerabilities of a program that this version has no fix for, as upstream counts versions: what a distribution has put
 * into an older one does not show. Empty for programs that nothing is known of.
 */
export function openAdvisories(program: string, version: Version): readonly Advisory[] {
  const known = Object.hasOwn(advisories, program) ? (advisories[program] ?? []) : [];
  return known.filter(({ fixedIn }) => !hasFix(version, fixedIn));
}
