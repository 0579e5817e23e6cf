import { openAdvisories } from "../../../daemon/advisories/open-advisories.ts";
import { formatVersion, parseVersion } from "../../../daemon/advisories/version.ts";
import { type CheckResult, ok, warn } from "../types.ts";

/** A program with its version, and a warning where that is older than the fix of a known vulnerability. `more` is added to the advice. */
export function judgeVersion(program: string, path: string, printed: string, more = ""): readonly CheckResult[] {
  const version = parseVersion(printed);
  if (!version) return [ok(`${path} (version unknown)`)];
  const text = formatVersion(version);
  const open = openAdvisories(program, version);
  if (open.length === 0) return [ok(`${path} ${text}`)];
  return open.map(({ id, what, fixedIn }) =>
    warn(
      `${path} ${text}: ${id}, ${what}`,
      `upgrade to ${fixedIn.join(" or ")}, unless your distribution's package ${text} carries the fix${more}`,
    ),
  );
}
