import { readFile } from "node:fs/promises";

/** Bit of CAP_SYS_RESOURCE in the sets of /proc/PID/status (capability.h). */
const capSysResource = 24n;

/**
 * The oom_score_adj closest to the wanted one that this process can give a child: without CAP_SYS_RESOURCE nobody may
 * go below their own (proc(5)). -1000 to 1000.
 */
export async function allowedOomScoreAdj(wanted: number, procSelf = "/proc/self"): Promise<number> {
  const status = await readFile(`${procSelf}/status`, "utf8");
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  const mayLower = ((BigInt(`0x${effective}`) >> capSysResource) & 1n) === 1n;
  if (mayLower) return wanted;
  const own = Number((await readFile(`${procSelf}/oom_score_adj`, "utf8")).trim());
  return Math.max(wanted, own);
}
