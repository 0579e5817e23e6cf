import { ContainerStatusResponseSchema, ContainerStatusSchema } from "@crib/wire/cri";

import { toContainerInfo } from "../conversion/container/container-info.ts";
import { toContainerStatus } from "../conversion/container/container-status.ts";
import { EncodedAnswer, encodedField } from "../grpc/encoded-answer.ts";
import { getContainer } from "../lookup/get-container.ts";
import type { RuntimeRpc } from "./rpc.ts";

const encode = encodedField(ContainerStatusResponseSchema.field.status, ContainerStatusSchema, toContainerStatus);

/** The status of a container, from its record alone; verbose adds what is known besides as one JSON text. NotFound for an unknown id. */
export const containerStatus: RuntimeRpc<"containerStatus"> = async (
  { containers, sandboxes },
  { containerId, verbose },
) => {
  const record = getContainer(containers, containerId);
  if (!verbose) return new EncodedAnswer([encode(record)]);
  const spec = await containers.spec(record.id);
  const [sandbox] = sandboxes.list({ id: record.plan.sandboxId });
  return {
    status: toContainerStatus(record),
    info: { info: toContainerInfo(record, { handler: sandbox?.plan.handler, spec }) },
  };
};
