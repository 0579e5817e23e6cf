import { Code, StatusError } from "@crib/errdefs";
import * as z from "zod";

import { parseNetworkList, type NetworkList } from "../config/network-list.ts";
import { parseJsonObject, type JsonObject } from "../json.ts";
import { decodeResult, decodeWith } from "../results/decode-result.ts";
import { encodeResult } from "../results/encode-result.ts";
import type { AddResult } from "../results/types.ts";

/** An attachment as the cache remembers it: all that DEL needs when everything else is gone. */
export interface CachedAttachment {
  readonly networkName: string;
  readonly containerId: string;
  readonly ifName: string;
  readonly netns: string;
  readonly args: readonly (readonly [string, string])[];
  readonly capabilityArgs: Readonly<Record<string, unknown>>;
  /** The configuration list that ADD used. */
  readonly list: NetworkList;
  /** Absent when ADD did not succeed, did not end, or when the stored result cannot be read. */
  readonly result?: AddResult;
}

const kind = "cniCacheV1";

const entrySchema = z.object({
  kind: z.literal(kind),
  containerId: z.string(),
  ifName: z.string(),
  networkName: z.string(),
  netns: z.string().default(""),
  config: z.base64(),
  cniArgs: z.array(z.tuple([z.string(), z.string()])).nullish(),
  capabilityArgs: z.record(z.string(), z.unknown()).nullish(),
  result: z.unknown().optional(),
});

/** The file's text, in the layout of libcni (`cniCacheV1`); the result is kept in the list's version. */
export function encodeEntry(entry: CachedAttachment): string {
  return JSON.stringify({
    kind,
    containerId: entry.containerId,
    config: Buffer.from(entry.list.bytes).toString("base64"),
    ifName: entry.ifName,
    networkName: entry.networkName,
    netns: entry.netns,
    cniArgs: entry.args,
    capabilityArgs: entry.capabilityArgs,
    ...(entry.result === undefined ? {} : { result: encodeResult(entry.result, entry.list.cniVersion) }),
  });
}

/** Reads the file's text. Fails `DataLoss` when the attachment cannot be undone from it; a bad result alone is only absent. */
export function decodeEntry(text: string, file: string): CachedAttachment {
  const doing = `reading CNI cache file ${JSON.stringify(file)}`;
  try {
    const raw: JsonObject = parseJsonObject(text, doing);
    const entry = decodeWith(entrySchema, raw, doing);
    const list = parseNetworkList(Buffer.from(entry.config, "base64").toString("utf8"), file);
    const result = readResult(entry.result, list);
    return {
      networkName: entry.networkName,
      containerId: entry.containerId,
      ifName: entry.ifName,
      netns: entry.netns,
      args: entry.cniArgs ?? [],
      capabilityArgs: entry.capabilityArgs ?? {},
      list,
      ...(result === undefined ? {} : { result }),
    };
  } catch (reason) {
    const error = StatusError.from(reason);
    throw new StatusError(
      Code.DataLoss,
      error.message.startsWith(doing) ? error.message : `${doing}: ${error.message}`,
      { cause: reason },
    );
  }
}

function readResult(result: unknown, list: NetworkList): AddResult | undefined {
  if (result === undefined || result === null) return undefined;
  try {
    return decodeResult(result, list.cniVersion);
  } catch {
    // DEL must work without it (specification, "DEL": prevResult may be missing), so its loss is no failure.
    return undefined;
  }
}
