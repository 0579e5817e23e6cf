import type { SeccompProfile, SeccompRule } from "@crib/oci-spec";

type Condition = NonNullable<SeccompRule["args"]>[number];

/**
 * What a profile does to a system call, as libseccomp would: a rule without conditions comes before all others, else one whose
 * conditions all hold decides. Arguments are 64 bits wide.
 */
export function decide(profile: SeccompProfile, name: string, args: readonly bigint[] = []): string {
  const rules = (profile.syscalls ?? []).filter(({ names }) => names.includes(name));
  const plain = rules.find(({ args: conditions = [] }) => conditions.length === 0);
  const found = plain ?? rules.find(({ args: conditions = [] }) => conditions.every((each) => holds(each, args)));
  if (found === undefined) return `${profile.defaultAction} ${profile.defaultErrnoRet}`;
  return found.errnoRet === undefined ? found.action : `${found.action} ${found.errnoRet}`;
}

function holds({ index, value, valueTwo = 0, op }: Condition, args: readonly bigint[]): boolean {
  const given = args[index] ?? 0n;
  if (op === "SCMP_CMP_EQ") return given === BigInt(value);
  if (op === "SCMP_CMP_MASKED_EQ") return (given & BigInt(value)) === BigInt(valueTwo);
  throw new Error(`no rule of crib's compares with ${op}`);
}
