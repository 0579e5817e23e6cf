import { deepEqual } from "node:assert/strict";
import { test } from "node:test";

import { openAdvisories } from "./open-advisories.ts";
import { parseVersion } from "./version.ts";

function openIn(program: string, text: string): readonly string[] {
  const version = parseVersion(text);
  if (!version) throw new Error(`"${text}" is no version`);
  return openAdvisories(program, version).map(({ id }) => id);
}

const devNotChecked = "CVE-2026-41579";
const races = ["CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"];

test("each runc is open to what it has no fix for", () => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    "1.1.5+ds1": ["CVE-2024-21626", ...races, devNotChecked],
    "1.1.12": [...races, devNotChecked],
    "1.1.99": [...races, devNotChecked],
    "1.2.7": [...races, devNotChecked],
    // The line of 1.2 was at its end when the last was fixed.
    "1.2.8": [devNotChecked],
    "1.3.2": [...races, devNotChecked],
    "1.3.3": [devNotChecked],
    "1.3.5": [devNotChecked],
    "1.3.6": [],
    "1.4.0-rc.2": [...races, devNotChecked],
    "1.4.0-rc.3": [devNotChecked],
    "1.4.2": [devNotChecked],
    "1.4.3": [],
    "1.5.0-rc.2": [devNotChecked],
    "1.5.0-rc.3": [],
    "1.5.0": [],
  };
  for (const [version, open] of Object.entries(cases)) deepEqual(openIn("runc", version), open, version);
});

test("each crun is open to what it has no fix for", () => {
  deepEqual(openIn("crun", "1.14.4"), ["CVE-2025-24965", "CVE-2026-88264", "CVE-2026-88265"]);
  deepEqual(openIn("crun", "1.29.9"), ["CVE-2026-88264", "CVE-2026-88265"]);
  deepEqual(openIn("crun", "1.30"), []);
  deepEqual(openIn("crun", "1.30.1"), []);
});

test("nothing is known of other programs", () => {
  deepEqual(openIn("youki", "0.0.1"), []);
  deepEqual(openIn("constructor", "0.0.1"), []);
});
