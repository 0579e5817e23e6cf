import { ListPodSandboxResponseSchema, PodSandboxSchema } from "@crib/wire/cri";

import { toPodSandbox } from "../conversion/pod/pod-sandbox.ts";
import { EncodedAnswer, encodedField } from "../grpc/encoded-answer.ts";
import { listSandboxes } from "../lookup/list-sandboxes.ts";
import type { RuntimeRpc } from "./rpc.ts";

const encode = encodedField(ListPodSandboxResponseSchema.field.items, PodSandboxSchema, toPodSandbox);

/** The sandboxes for which all conditions of the filter hold; an id may be a prefix. */
export const listPodSandbox: RuntimeRpc<"listPodSandbox"> = ({ sandboxes }, { filter }) =>
  new EncodedAnswer(listSandboxes(sandboxes, filter).map(encode));
