import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@crib/errdefs";
import { cgroupsV1, cgroupsV2 } from "@crib/wire/cgroups";

import { readTaskMetrics } from "./task-metrics.ts";

function pack<M extends DescMessage>(schema: M, message: MessageInitShape<M>, prefix = ""): Any {
  const value = toBinary(schema, create(schema, message));
  return create(AnySchema, { typeUrl: `${prefix}${schema.typeName}`, value });
}

test("metrics of cgroup version 1 are read, memory and swap apart", () => {
  const { stats, limits, details } = readTaskMetrics(
    pack(cgroupsV1.MetricsSchema, {
      cpu: { usage: { total: 900n, user: 600n, kernel: 300n }, throttling: { periods: 4n, throttledPeriods: 1n } },
      memory: {
        usage: { usage: 1_000n, limit: 5_000n, max: 2_000n, failcnt: 3n },
        swap: { usage: 1_200n, limit: 6_000n },
        totalInactiveFile: 100n,
        totalRss: 700n,
        totalPgFault: 8n,
        totalPgMajFault: 2n,
        totalCache: 250n,
      },
      pids: { current: 7n, limit: 50n },
      memoryOomControl: { oomKill: 1n },
      hugetlb: [{ pagesize: "2MB", usage: 4n, max: 5n }],
    }),
    99n,
  );
  deepEqual(stats, {
    timestampNanos: 99n,
    cpuUsageNanos: 900n,
    memory: {
      usageBytes: 1_000n,
      workingSetBytes: 900n,
      rssBytes: 700n,
      pageFaults: 8n,
      majorPageFaults: 2n,
      availableBytes: 4_100n,
    },
    pids: 7n,
  });
  deepEqual(limits, { pids: 50n, swapUsageBytes: 200n, swapBytes: 1_000n });
  equal(details.cpu?.userNanos, 600n);
  equal(details.memory?.limitHits, 3n);
  equal(details.oomKills, 1n);
  deepEqual(details.hugepages, [{ pageSize: "2MB", usageBytes: 4n, maxUsageBytes: 5n }]);
});

test("metrics of cgroup version 2 are read, and no limit is none", () => {
  const none = 2n ** 64n - 1n;
  const { stats, limits, details } = readTaskMetrics(
    pack(
      cgroupsV2.MetricsSchema,
      {
        cpu: { usageUsec: 5n, userUsec: 3n, systemUsec: 2n },
        memory: {
          usage: 100n,
          inactiveFile: 200n,
          anon: 60n,
          usageLimit: none,
          swapUsage: 4n,
          swapLimit: none,
          file: 9n,
        },
        pids: { current: 2n, limit: none },
        memoryEvents: { max: 6n, oomKill: 1n },
      },
      "type.googleapis.com/",
    ),
    0n,
  );
  equal(stats.cpuUsageNanos, 5_000n);
  equal(stats.memory?.workingSetBytes, 0n);
  equal(stats.memory?.availableBytes, undefined);
  deepEqual(limits, { pids: undefined, swapUsageBytes: 4n, swapBytes: undefined });
  deepEqual(details.cpu, {
    userNanos: 3_000n,
    systemNanos: 2_000n,
    periods: 0n,
    throttledPeriods: 0n,
    throttledNanos: 0n,
  });
  equal(details.memory?.cacheBytes, 9n);
});

test("a service that measures nothing, or something else, is no harm", () => {
  deepEqual(readTaskMetrics(pack(cgroupsV1.MetricsSchema, {}), 1n).stats, {
    timestampNanos: 1n,
    cpuUsageNanos: undefined,
    memory: undefined,
    pids: undefined,
  });
  throws(() => readTaskMetrics(create(AnySchema, { typeUrl: "x.Metrics" }), 1n), { code: Code.Unimplemented });
});
