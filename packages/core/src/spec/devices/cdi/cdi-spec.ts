import { Code, StatusError } from "@crib/errdefs";
import { parse } from "yaml";
import * as z from "zod";

import { devicePattern, kindPattern } from "./cdi-name.ts";

const id = z.int().min(0).max(0xffff_fffe);
const absolute = z.string().regex(/^\/[^\0]*$/, "must be an absolute path");
const numberOrName = z.union([z.string(), z.number().transform(String)]);

const deviceNode = z.strictObject({
  path: absolute,
  hostPath: absolute.optional(),
  type: z
    .enum(["b", "c", "u", "p"])
    .or(z.literal("").transform(() => undefined))
    .optional(),
  major: z.int().min(0).optional(),
  minor: z.int().min(0).optional(),
  fileMode: z.int().min(0).max(0o7777).optional(),
  permissions: z
    .string()
    .regex(/^[rwm]{0,3}$/, 'must be some of "rwm"')
    .optional(),
  uid: id.optional(),
  gid: id.optional(),
});

const hook = z.strictObject({
  hookName: z.enum(["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]),
  path: absolute,
  args: z.array(z.string()).optional(),
  env: z.array(z.string()).optional(),
  timeout: z.int().min(0).optional(),
});

const edits = z.strictObject({
  env: z.array(z.string().regex(/^[^=\0]+=[^\0]*$/, "must be NAME=value")).optional(),
  deviceNodes: z.array(deviceNode).optional(),
  netDevices: z.array(z.strictObject({ hostInterfaceName: z.string().min(1), name: z.string().min(1) })).optional(),
  hooks: z.array(hook).optional(),
  mounts: z
    .array(
      z.strictObject({
        hostPath: z.string().min(1),
        containerPath: absolute,
        options: z.array(z.string()).optional(),
        type: z.string().optional(),
      }),
    )
    .optional(),
  intelRdt: z
    .strictObject({
      closID: z.string().optional(),
      l3CacheSchema: z.string().optional(),
      memBwSchema: z.string().optional(),
      schemata: z.array(z.string()).optional(),
      enableMonitoring: z.boolean().optional(),
      // Of specifications before 1.1; runtimes know one switch for both.
      enableCMT: z.boolean().optional(),
      enableMBM: z.boolean().optional(),
    })
    .optional(),
  additionalGids: z.array(id).optional(),
});

const specification = z.strictObject({
  cdiVersion: z.string().regex(/^(0\.[1-8]\.0|1\.[01]\.0)$/, "is not a version that is known here"),
  kind: z.string().regex(kindPattern, 'must be "vendor/class"'),
  annotations: z.record(z.string(), z.string()).optional(),
  devices: z
    .array(
      z.strictObject({
        name: numberOrName.pipe(z.string().regex(devicePattern, "is no name of a device")),
        annotations: z.record(z.string(), z.string()).optional(),
        containerEdits: edits,
      }),
    )
    .min(1),
  containerEdits: edits.optional(),
});

/** What a device changes of a container's specification. */
export type CdiEdits = z.infer<typeof edits>;
/** A device node as a CDI specification names it. */
export type CdiDeviceNode = z.infer<typeof deviceNode>;
/** A CDI specification, checked. */
export type CdiSpec = z.infer<typeof specification>;

/**
 * Reads the text of a CDI specification (1.1 and before), JSON or YAML as its other readers read it: YAML 1.1, but without numbers to
 * base 60, which names of devices look like. Unknown keys are errors, as what they ask for would be missing. InvalidArgument.
 */
export function parseCdiSpec(text: string): CdiSpec {
  const value: unknown = decode(text);
  const result = specification.safeParse(value);
  if (result.success) return checked(result.data);
  const [issue] = result.error.issues;
  throw new StatusError(Code.InvalidArgument, `${issue?.path.join(".") || "document"}: ${issue?.message ?? "invalid"}`);
}

function checked(spec: CdiSpec): CdiSpec {
  const names = spec.devices.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return spec;
  throw new StatusError(Code.InvalidArgument, `devices: "${twice}" is there twice`);
}

function decode(text: string): unknown {
  try {
    return parse(text, {
      version: "1.1",
      customTags: (tags) => tags.filter((tag) => typeof tag === "string" || tag.format !== "TIME"),
    });
  } catch (reason) {
    throw new StatusError(Code.InvalidArgument, StatusError.from(reason).message, { cause: reason });
  }
}
