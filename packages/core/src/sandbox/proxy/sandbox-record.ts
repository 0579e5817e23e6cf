import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { formatSandbox, type Sandbox } from "@crib/sandboxer";
import type { ControllerCreateRequestSchema } from "@crib/wire/sandbox";
import type { SandboxSchema } from "@crib/wire/types";

import { packRuntimeOptions } from "../../tasks/index.ts";
import type { ProxyControllerOptions } from "./types.ts";

/** containerd's record, in Create and in Update. */
type RecordInit = MessageInitShape<typeof SandboxSchema>;

/** Extensions of a sandbox's record by their key: JSON texts. */
export type Extensions = Readonly<Record<string, { readonly typeUrl: string; readonly json: string }>>;

/** Key of crib's own description of a pod. */
const sandboxKey = "dev.crib/sandbox";

/** containerd's record of a sandbox as a sandboxer is told of it. `extensions` are added to crib's own. */
export function sandboxRecord(
  options: Pick<ProxyControllerOptions, "config" | "handlerOf">,
  id: string,
  sandbox: Sandbox | undefined,
  extensions: Extensions = {},
): RecordInit {
  const now = timestampFromDate(new Date());
  return {
    sandboxId: id,
    ...(sandbox && { runtime: runtimeOf(options, sandbox), labels: { ...sandbox.labels } }),
    createdAt: now,
    updatedAt: now,
    extensions: Object.fromEntries(
      Object.entries({
        ...(sandbox && { [sandboxKey]: { typeUrl: "types.crib.dev/Sandbox", json: formatSandbox(sandbox) } }),
        ...extensions,
      }).map(([key, { typeUrl, json }]) => [key, { typeUrl, value: Buffer.from(json) }]),
    ),
    sandboxer: options.config.name,
  };
}

/** What Create sends: everything that containerd and iSulad send, and crib's own description of the pod. */
export function createRequest(
  options: Pick<ProxyControllerOptions, "config" | "handlerOf">,
  sandbox: Sandbox,
): MessageInitShape<typeof ControllerCreateRequestSchema> {
  return {
    sandboxId: sandbox.id,
    sandboxer: options.config.name,
    rootfs: [],
    options: { typeUrl: "runtime.v1.PodSandboxConfig", value: sandbox.config },
    netnsPath: sandbox.namespaces.net ?? "",
    annotations: { ...sandbox.annotations },
    sandbox: sandboxRecord(options, sandbox.id, sandbox),
  };
}

function runtimeOf({ handlerOf }: Pick<ProxyControllerOptions, "handlerOf">, { runtimeHandler }: Sandbox) {
  if (handlerOf === undefined) return { name: runtimeHandler };
  const handler = handlerOf(runtimeHandler);
  const name = handler.runtimeType === "" ? runtimeHandler : handler.runtimeType;
  const packed = packRuntimeOptions(name, handler.options);
  return { name, ...(packed && { options: packed }) };
}
