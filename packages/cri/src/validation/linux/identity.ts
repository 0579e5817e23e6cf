import { SupplementalGroupsPolicy } from "@crib/wire/cri";

import { checkInteger, maxUserId } from "../values/integer.ts";
import { invalid } from "../values/invalid.ts";
import { checkCount } from "../values/text.ts";

const field = "config.linux.security_context";
/** NGROUPS_MAX of Linux. */
const maxGroups = 65_536;

/** The uid or gid of a security context; undefined when it is not given. */
export function checkUserId(name: "run_as_user" | "run_as_group", value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : checkInteger(`${field}.${name}`, value, 0, maxUserId);
}

/** The supplemental groups of a security context, and whether they add to those of the image (`merge`) or replace them. */
export function checkGroups(
  groups: readonly bigint[],
  policy: number,
): { readonly groups: number[]; readonly policy: "merge" | "strict" } {
  checkCount(`${field}.supplemental_groups`, groups.length, maxGroups);
  if (policy !== SupplementalGroupsPolicy.Merge && policy !== SupplementalGroupsPolicy.Strict) {
    throw invalid(`${field}.supplemental_groups_policy`, `${policy} is no known policy`);
  }
  return {
    groups: groups.map((group) => checkInteger(`${field}.supplemental_groups`, group, 0, maxUserId)),
    policy: policy === SupplementalGroupsPolicy.Strict ? "strict" : "merge",
  };
}
