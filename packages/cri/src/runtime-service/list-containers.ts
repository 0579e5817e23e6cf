import { ContainerSchema, ListContainersResponseSchema } from "@crib/wire/cri";

import { toContainer } from "../conversion/container/container.ts";
import { EncodedAnswer, encodedField } from "../grpc/encoded-answer.ts";
import { filterContainers } from "../lookup/filter-containers.ts";
import type { RuntimeRpc } from "./rpc.ts";

const encode = encodedField(ListContainersResponseSchema.field.containers, ContainerSchema, toContainer);

/** The containers for which all conditions of the filter hold; ids may be prefixes. */
export const listContainers: RuntimeRpc<"listContainers"> = ({ containers }, { filter }) =>
  new EncodedAnswer(filterContainers(containers, filter).map(encode));
