/** What a cgroup has read from and written to one block device. */
export interface BlockIo {
  readonly major: number;
  readonly minor: number;
  readonly readBytes: bigint;
  readonly writeBytes: bigint;
  readonly reads: bigint;
  readonly writes: bigint;
}

type Counts = { readBytes: bigint; writeBytes: bigint; reads: bigint; writes: bigint };

/** Reads io.stat of version 2: `8:0 rbytes=1 wbytes=2 rios=3 wios=4 ...`. */
export function parseIoStat(text: string): BlockIo[] {
  return text.split("\n").flatMap((line) => {
    const [device = "", ...pairs] = line.split(" ");
    const number = deviceNumber(device);
    if (!number) return [];
    const values = new Map(pairs.map((pair) => pair.split("=") as [string, string]));
    const count = (name: string): bigint => BigInt(/^\d+$/.exec(values.get(name) ?? "")?.[0] ?? 0);
    return [
      {
        ...number,
        readBytes: count("rbytes"),
        writeBytes: count("wbytes"),
        reads: count("rios"),
        writes: count("wios"),
      },
    ];
  });
}

/** Reads the files of version 1, one with bytes and one with operations: `8:0 Read 1`. */
export function parseBlockIo(bytes: string, operations: string): BlockIo[] {
  const devices = new Map<string, Counts>();
  const add = (text: string, read: "readBytes" | "reads", write: "writeBytes" | "writes"): void => {
    for (const line of text.split("\n")) {
      const [, device = "", kind, value = "0"] = /^(\d+:\d+) (Read|Write) (\d+)$/.exec(line) ?? [];
      if (kind === undefined) continue;
      const counts = devices.get(device) ?? { readBytes: 0n, writeBytes: 0n, reads: 0n, writes: 0n };
      counts[kind === "Read" ? read : write] = BigInt(value);
      devices.set(device, counts);
    }
  };
  add(bytes, "readBytes", "writeBytes");
  add(operations, "reads", "writes");
  return [...devices].flatMap(([device, counts]) => {
    const number = deviceNumber(device);
    return number ? [{ ...number, ...counts }] : [];
  });
}

function deviceNumber(text: string): Pick<BlockIo, "major" | "minor"> | undefined {
  const match = /^(\d+):(\d+)$/.exec(text);
  return match ? { major: Number(match[1]), minor: Number(match[2]) } : undefined;
}
