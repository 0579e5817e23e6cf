import type { MessageInitShape } from "@bufbuild/protobuf";
import { type MetricSchema, MetricType } from "@crib/wire/cri";

import { toNanoseconds } from "../conversion/nanoseconds.ts";

/** One value of a metric; undefined where it is not known, and so not reported. */
export interface Sample {
  readonly name: string;
  readonly type: MetricType;
  readonly value: bigint | undefined;
  /** Values of the labels that this metric has beyond those of all. */
  readonly labels: readonly string[];
}

/** Metrics count whole seconds: the CRI has no fractions. */
export const nanosPerSecond = 1_000_000_000n;

/** A value that only grows. */
export function counter(name: string, value: bigint | undefined, ...labels: string[]): Sample {
  return { name, type: MetricType.COUNTER, value, labels };
}

/** A value that goes up and down. */
export function gauge(name: string, value: bigint | undefined, ...labels: string[]): Sample {
  return { name, type: MetricType.GAUGE, value, labels };
}

/** The samples whose value is known as metrics, `labels` being those of all. */
export function toMetrics(
  timestamp: Date,
  labels: readonly string[],
  samples: readonly Sample[],
): MessageInitShape<typeof MetricSchema>[] {
  return samples.flatMap(({ name, type, value, labels: more }) =>
    value === undefined
      ? []
      : [
          {
            name,
            timestamp: toNanoseconds(timestamp),
            metricType: type,
            labelValues: [...labels, ...more],
            value: { value },
          },
        ],
  );
}
