import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import type { ContainerResources } from "../../containers/types.ts";
import { linuxResources } from "./linux-resources.ts";

const host = { cgroupVersion: 1, cgroupControllers: ["memory"], swapAccounting: true } as const;
const second = { ...host, cgroupVersion: 2 } as const;
const huge = { ...host, cgroupControllers: ["hugetlb"] } as const;
const tolerant = { tolerateMissingHugetlb: true };
const strict = { tolerateMissingHugetlb: false };
const limits = [
  { pageSize: "2MB", limit: 0 },
  { pageSize: "1GB", limit: 1 },
];
const nothing: ContainerResources = { hugepageLimits: [], unified: {} };

const cases: readonly {
  readonly what: string;
  readonly asked: Partial<ContainerResources>;
  readonly features?: Parameters<typeof linuxResources>[1];
  readonly options?: Parameters<typeof linuxResources>[2];
  readonly gives: object;
}[] = [
  { what: "nothing", asked: {}, gives: {} },
  {
    what: "zeros, which mean nothing",
    asked: { cpuShares: 0, cpuQuota: 0, cpuPeriod: 0, cpusetCpus: "", cpusetMems: "", memoryLimitBytes: 0 },
    gives: {},
  },
  {
    what: "processor time",
    asked: { cpuShares: 2, cpuQuota: -1, cpuPeriod: 100_000, cpusetCpus: "0-1", cpusetMems: "0" },
    gives: { cpu: { shares: 2, quota: -1, period: 100_000, cpus: "0-1", mems: "0" } },
  },
  { what: "memory, and no swap", asked: { memoryLimitBytes: 5 }, gives: { memory: { limit: 5, swap: 5 } } },
  {
    what: "memory where swap cannot be limited",
    asked: { memoryLimitBytes: 5, memorySwapLimitBytes: 9 },
    features: { ...host, swapAccounting: false },
    gives: { memory: { limit: 5 } },
  },
  {
    what: "memory and swap",
    asked: { memoryLimitBytes: 5, memorySwapLimitBytes: 9 },
    gives: { memory: { limit: 5, swap: 9 } },
  },
  {
    what: "unlimited swap",
    asked: { memoryLimitBytes: 5, memorySwapLimitBytes: -1 },
    gives: { memory: { limit: 5, swap: -1 } },
  },
  { what: "huge pages", asked: { hugepageLimits: limits }, features: huge, gives: { hugepageLimits: limits } },
  { what: "huge pages without a controller, tolerated", asked: { hugepageLimits: limits }, gives: {} },
  {
    what: "no huge pages without a controller",
    asked: { hugepageLimits: limits.slice(0, 1) },
    options: strict,
    gives: {},
  },
  {
    what: "files of cgroup v2",
    asked: { unified: { "memory.min": "1", "hugetlb.2MB.max": "0" } },
    features: second,
    gives: { unified: { "memory.min": "1", "hugetlb.2MB.max": "0" } },
  },
];
for (const { what, asked, features = host, options = tolerant, gives } of cases) {
  test(`limits: ${what}`, () => deepEqual(linuxResources({ ...nothing, ...asked }, features, options), gives));
}

test("limits that cannot be are refused", () => {
  const refused = (asked: Partial<ContainerResources>, features: typeof host | typeof second, code: Code): void =>
    throws(() => linuxResources({ ...nothing, ...asked }, features, strict), { code });
  refused({ hugepageLimits: limits }, host, Code.FailedPrecondition);
  refused({ memoryLimitBytes: 5, memorySwapLimitBytes: 4 }, host, Code.InvalidArgument);
  refused({ unified: { "memory.min": "1" } }, host, Code.InvalidArgument);
  for (const key of [
    "",
    ".",
    "..",
    "../memory.max",
    "a/memory.max",
    "memory",
    "/memory.max",
    "memory.\n",
    "memory..max",
  ]) {
    refused({ unified: { [key]: "1" } }, second, Code.InvalidArgument);
  }
});
