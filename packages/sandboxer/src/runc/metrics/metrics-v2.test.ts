import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";

import { metricsV2 } from "./metrics-v2.ts";

const files: Readonly<Record<string, string>> = {
  "cpu.stat": "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 1\nnew_counter 7\n",
  "cpu.pressure": "some avg10=1.50 avg60=0.00 avg300=0.00 total=12\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n",
  "memory.stat": "anon 4096\nfile 8192\ninactive_file 100\npgfault 9\n",
  "memory.current": "20480\n",
  "memory.max": "max\n",
  "memory.events": "low 0\nhigh 0\nmax 2\noom 1\noom_kill 1\n",
  "pids.current": "3\n",
  "pids.max": "max\n",
  "io.stat": "8:16 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n",
};

test("the files of the unified tree become the message", async () => {
  const source = { read: async (_: string, file: string) => files[file], hugepages: async () => [] };
  const { cpu, memory, memoryEvents, pids, io } = await metricsV2(source);
  deepEqual([cpu?.usageUsec, cpu?.userUsec, cpu?.nrPeriods, cpu?.psi?.some?.avg10], [5000n, 3000n, 1n, 1.5]);
  equal(cpu?.psi?.full?.total, 3n);
  deepEqual([memory?.anon, memory?.inactiveFile, memory?.usage, memory?.pgfault], [4096n, 100n, 20480n, 9n]);
  equal(memory?.usageLimit, 2n ** 64n - 1n);
  deepEqual([memoryEvents?.max, memoryEvents?.oomKill], [2n, 1n]);
  deepEqual([pids?.current, pids?.limit], [3n, 0n]);
  const [device] = io?.usage ?? [];
  deepEqual([device?.major, device?.minor, device?.wbytes, device?.rios], [8n, 16n, 20n, 1n]);
});

test("a controller that is not there is left out", async () => {
  const metrics = await metricsV2({ read: async () => undefined, hugepages: async () => [] });
  deepEqual([metrics.cpu, metrics.memory, metrics.pids, metrics.io], [undefined, undefined, undefined, undefined]);
});
