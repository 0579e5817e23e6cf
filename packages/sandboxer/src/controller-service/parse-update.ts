import type { Any } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import type { Sandbox as SandboxMessage } from "@crib/wire/types";

import { sandboxExtension } from "../derive/sandbox-request.ts";
import type { TaskEntry } from "../records/sandbox-record.ts";
import { parseSandbox } from "../sandbox-json.ts";
import { parseTaskTable, tasksExtension } from "../sandboxes/task-table.ts";
import type { SandboxResources } from "../types.ts";

/** What an Update asks for. */
export interface SandboxUpdate {
  readonly resources?: SandboxResources;
  readonly overhead?: SandboxResources;
  readonly tasks?: readonly TaskEntry[];
}

/** The extension in which containerd sends changed resources: those of CRI as JSON. */
export const updatedResourcesExtension = "updated-resources";

type Extension = (text: string) => SandboxUpdate;

const extensions: Readonly<Record<string, Extension>> = {
  [tasksExtension]: (text) => ({ tasks: parseTaskTable(text) }),
  [sandboxExtension]: (text) => {
    const { resources, overhead } = parseSandbox(text, `extensions.${sandboxExtension}`);
    return { resources, overhead };
  },
  [updatedResourcesExtension]: parseUpdatedResources,
};

/**
 * Reads what is to be changed: the fields that are named, or without any all that the sandbox has. InvalidArgument, naming them, for fields that nothing is
 * known of, and for a field that is named and not there.
 */
export function parseUpdate(sandbox: SandboxMessage | undefined, fields: readonly string[]): SandboxUpdate {
  const sent = sandbox?.extensions ?? {};
  const all = Object.keys(extensions).filter((name) => name in sent);
  const wanted = new Set(fields.length === 0 || fields.includes("extensions") ? all : []);
  const unknown: string[] = [];
  for (const field of fields) {
    const name = field.startsWith("extensions.") ? field.slice("extensions.".length) : "";
    if (name in extensions) wanted.add(name);
    else if (field !== "extensions") unknown.push(field);
  }
  if (unknown.length > 0) throw refuse(`of fields that nothing is known of: ${unknown.map(quote).join(", ")}`);
  return Object.assign({}, ...[...wanted].map((name) => readExtension(name, sent[name]))) as SandboxUpdate;
}

function readExtension(name: string, value: Any | undefined): SandboxUpdate {
  const read = extensions[name];
  if (value === undefined || read === undefined) throw refuse(`of extensions.${name}, which is not sent`);
  return read(Buffer.from(value.value).toString("utf8"));
}

/** Numbers may be texts in the JSON of protobuf; the names are those of Go's serialiser. */
function parseUpdatedResources(text: string): SandboxUpdate {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refuse(`of extensions.${updatedResourcesExtension}: it is not JSON`, cause);
  }
  const { resources, overhead } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return {
    ...(resources ? { resources: limits(resources) } : {}),
    ...(overhead ? { overhead: limits(overhead) } : {}),
  };
}

function limits(value: unknown): SandboxResources {
  const json = value as Readonly<Record<string, unknown>>;
  const number = (name: string): number => Number(json[name] ?? 0) || 0;
  const text = (name: string): string => (typeof json[name] === "string" ? json[name] : "");
  const found = {
    cpuShares: number("cpu_shares"),
    cpuPeriod: number("cpu_period"),
    cpuQuota: number("cpu_quota"),
    memoryLimitBytes: number("memory_limit_in_bytes"),
    cpusetCpus: text("cpuset_cpus"),
    cpusetMems: text("cpuset_mems"),
  };
  return Object.fromEntries(Object.entries(found).filter(([, limit]) => limit !== 0 && limit !== ""));
}

const quote = (text: string): string => JSON.stringify(text);

function refuse(why: string, cause?: unknown): StatusError {
  return new StatusError(Code.InvalidArgument, `update ${why}`, { cause });
}
