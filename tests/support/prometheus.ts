/** A family of metrics as a scrape has it. */
export interface MetricFamily {
  readonly type: string;
  readonly help: string;
  /** Values by name and labels, `name{a="b"}`. */
  readonly samples: ReadonlyMap<string, PrometheusSample>;
}

/** One value. */
export interface PrometheusSample {
  /** With the ending of a histogram's part. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Reads the text format of Prometheus, version 0.0.4. Fails on a line that it does not allow, a family without HELP and TYPE before its samples or
 * in two places, a sample that is there twice, and a histogram whose buckets fall or miss some observations.
 */
export function parsePrometheus(text: string): ReadonlyMap<string, MetricFamily> {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const families = new Map<string, { type: string; help: string; samples: Map<string, PrometheusSample> }>();
  let help: readonly [string, string] | undefined;
  let open = "";
  for (const line of text.split("\n").slice(0, -1)) {
    const [, kind, about = "", rest = ""] = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line) ?? [];
    if (kind === "HELP") help = [about, rest];
    else if (kind === "TYPE") {
      if (help?.[0] !== about) throw new Error(`TYPE of ${about} without its HELP`);
      if (families.has(about)) throw new Error(`${about} is there twice`);
      if (!/^(counter|gauge|histogram)$/.test(rest)) throw new Error(`${about} is a ${rest}`);
      families.set(about, { type: rest, help: help[1], samples: new Map() });
      open = about;
    } else {
      const sample = parseSample(line);
      const family = families.get(open);
      const base = family?.type === "histogram" ? sample.name.replace(/_(bucket|sum|count)$/, "") : sample.name;
      if (family === undefined || base !== open) throw new Error(`${sample.name} is not below its TYPE`);
      const key = line.slice(0, line.lastIndexOf(" "));
      if (family.samples.has(key)) throw new Error(`${key} is there twice`);
      family.samples.set(key, sample);
    }
  }
  for (const [name, { type, samples }] of families)
    if (type === "histogram") checkHistogram(name, [...samples.values()]);
  return families;
}

function parseSample(line: string): PrometheusSample {
  const [whole, name = "", list = "", value = ""] =
    /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/.exec(line) ?? [];
  if (whole === undefined || value === "" || Number.isNaN(Number(value)))
    throw new Error(`no line of the format: ${line}`);
  const labels = Array.from(list.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g), ([, key = "", text = ""]) => [
    key,
    text,
  ]);
  return { name, labels: Object.fromEntries(labels) as Record<string, string>, value: Number(value) };
}

function checkHistogram(name: string, samples: readonly PrometheusSample[]): void {
  const series = Map.groupBy(samples, ({ labels }) => JSON.stringify({ ...labels, le: undefined }));
  for (const [labels, ofOne] of series) {
    const buckets = ofOne.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map((sample) => Number(sample.labels["le"]?.replace("+Inf", "Infinity")));
    const rises = (values: readonly number[]): boolean =>
      values.every((value, index) => value >= (values[index - 1] ?? 0));
    const count = ofOne.find((sample) => sample.name === `${name}_count`)?.value;
    if (!rises(bounds) || bounds.at(-1) !== Infinity) throw new Error(`bounds of ${name}${labels}: ${bounds.join()}`);
    if (!rises(buckets.map(({ value }) => value)) || buckets.at(-1)?.value !== count)
      throw new Error(`buckets of ${name}${labels} do not add up to ${count}`);
    if (!ofOne.some((sample) => sample.name === `${name}_sum`)) throw new Error(`${name}${labels} has no sum`);
  }
}
