import { Code, StatusError } from "@crib/errdefs";

const units: Readonly<Record<string, number>> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Reads bytes as people type them: `512m`, `1.5g`, `64Mi`; units are powers of 1024. InvalidArgument for anything else. */
export function parseMemory(text: string): bigint {
  const groups = /^(?<count>\d+(?:\.\d+)?)(?<unit>[bkmgt]?)(?:i|ib|b)?$/i.exec(text)?.groups;
  const bytes = Math.floor(Number(groups?.["count"]) * (units[(groups?.["unit"] ?? "").toLowerCase()] ?? Number.NaN));
  if (bytes > 0 && Number.isSafeInteger(bytes)) return BigInt(bytes);
  throw new StatusError(Code.InvalidArgument, `reading --memory "${text}": expected bytes such as 512m or 2g`);
}

/** Microseconds over which the CPU time of a container is shared out, as the kubelet has it. */
export const cpuPeriod = 100_000n;
/** The shortest quota that the kernel takes, in microseconds. */
const leastQuota = 1_000n;

/** Reads a number of CPUs, such as `0.5`; gives the microseconds of each period. InvalidArgument for anything else. */
export function parseCpus(text: string): bigint {
  const cpus = /^\d{1,5}(\.\d{1,6})?$/.test(text) ? Number(text) : 0;
  if (cpus <= 0) {
    throw new StatusError(Code.InvalidArgument, `reading --cpus "${text}": expected a number of CPUs such as 0.5`);
  }
  const quota = BigInt(Math.round(cpus * Number(cpuPeriod)));
  return quota < leastQuota ? leastQuota : quota;
}

/** The user of a container: numbers, or the name of one that the image knows. */
export interface RunAs {
  readonly runAsUser?: { readonly value: bigint };
  readonly runAsGroup?: { readonly value: bigint };
  readonly runAsUsername?: string;
}

/** Reads `UID[:GID]` or `NAME[:GID]`. InvalidArgument for anything else: the CRI knows no names of groups. */
export function parseUser(text: string): RunAs {
  const groups = /^(?<user>[^:\s]+)(?::(?<group>\d{1,10}))?$/.exec(text)?.groups;
  if (!groups) {
    throw new StatusError(Code.InvalidArgument, `reading --user "${text}": expected UID[:GID] or NAME[:GID]`);
  }
  const { user = "", group } = groups;
  return {
    ...(/^\d+$/.test(user) ? { runAsUser: { value: BigInt(user) } } : { runAsUsername: user }),
    ...(group !== undefined && { runAsGroup: { value: BigInt(group) } }),
  };
}
