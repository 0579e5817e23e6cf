import { create, toBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import { RuncOptionsSchema, RuntimeOptionsSchema } from "@crib/wire/options";

import type { RuntimeOptionValues } from "./types.ts";

type Kind = "string" | "boolean" | "uint32";

/** Configuration key, as containerd spells it, to field and type of `containerd.runc.v1.Options`. */
const runcKeys: Readonly<Record<string, readonly [field: string, kind: Kind]>> = {
  NoPivotRoot: ["noPivotRoot", "boolean"],
  NoNewKeyring: ["noNewKeyring", "boolean"],
  ShimCgroup: ["shimCgroup", "string"],
  IoUid: ["ioUid", "uint32"],
  IoGid: ["ioGid", "uint32"],
  BinaryName: ["binaryName", "string"],
  Root: ["root", "string"],
  SystemdCgroup: ["systemdCgroup", "boolean"],
  CriuImagePath: ["criuImagePath", "string"],
  CriuWorkPath: ["criuWorkPath", "string"],
};

/** Whether a runtime is served by containerd's runc shim, whose options have a message of their own. */
export function isRuncRuntime(runtimeType: string): boolean {
  return /(?:^|\.)runc\.v[0-9]+$/.test(runtimeType);
}

/**
 * The options of a runtime handler as shims take them: `containerd.runc.v1.Options` for the runc shim,
 * `runtimeoptions.v1.Options` with the table as TOML text for all others. Undefined when there are none.
 * InvalidArgument for a key that the runc shim does not have, or a value of the wrong type.
 */
export function packRuntimeOptions(runtimeType: string, values: RuntimeOptionValues): Any | undefined {
  if (Object.keys(values).length === 0) return undefined;
  if (isRuncRuntime(runtimeType)) {
    const options = create(RuncOptionsSchema, runcFields(values));
    return create(AnySchema, { typeUrl: RuncOptionsSchema.typeName, value: toBinary(RuncOptionsSchema, options) });
  }
  const options = create(RuntimeOptionsSchema, genericFields(values));
  return create(AnySchema, { typeUrl: RuntimeOptionsSchema.typeName, value: toBinary(RuntimeOptionsSchema, options) });
}

function runcFields(values: RuntimeOptionValues): Record<string, string | number | boolean> {
  const fields: Record<string, string | number | boolean> = {};
  for (const [key, value] of Object.entries(values)) {
    const known = Object.hasOwn(runcKeys, key) ? runcKeys[key] : undefined;
    if (known === undefined) {
      const keys = Object.keys(runcKeys).join(", ");
      throw new StatusError(Code.InvalidArgument, `packing runtime options: unknown key "${key}"; known are ${keys}`);
    }
    const [field, kind] = known;
    const fits = kind === "uint32" ? isUint32(value) : typeof value === kind;
    if (!fits) throw new StatusError(Code.InvalidArgument, `packing runtime options: "${key}" must be a ${kind}`);
    fields[field] = value;
  }
  return fields;
}

function isUint32(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

function genericFields(values: RuntimeOptionValues): { typeUrl: string; configPath: string; configBody: Uint8Array } {
  const { TypeUrl: typeUrl, ConfigPath: configPath, ...table } = values;
  const body = Object.entries(table)
    .map(([key, value]) => `${JSON.stringify(key)} = ${typeof value === "string" ? JSON.stringify(value) : value}\n`)
    .join("");
  return {
    typeUrl: String(typeUrl ?? ""),
    configPath: String(configPath ?? ""),
    configBody: configPath === undefined ? Buffer.from(body) : new Uint8Array(),
  };
}

/**
 * Where the runc shim keeps the state of a container: `ROOT/NAMESPACE/ID`. Undefined for other runtimes, which hide
 * theirs.
 */
export function runcStateDir(
  runtimeType: string,
  values: RuntimeOptionValues,
  namespace: string,
  id: string,
): string | undefined {
  if (!isRuncRuntime(runtimeType)) return undefined;
  const root = typeof values["Root"] === "string" && values["Root"] !== "" ? values["Root"] : "/run/containerd/runc";
  return `${root}/${namespace}/${id}`;
}
