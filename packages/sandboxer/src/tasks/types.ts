import type { DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { TaskV3 } from "@crib/wire/task";

/** What a method of a task service knows of its call besides the request. */
export interface TaskApiCall {
  /** Aborted when the caller has gone or its deadline has passed. */
  readonly signal: AbortSignal;
}

type Methods = (typeof TaskV3)["method"];

type Method<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, call: TaskApiCall) => Promise<MessageInitShape<O>>
    : never;

/**
 * A task service as its author writes it: containerd's task API (versions 2 and 3 have the same messages), a method for each RPC. What
 * is thrown is sent with its code; an id that is not known must be NotFound, and a method that makes no sense Unimplemented.
 */
export type TaskApi = { readonly [K in keyof Methods]: Method<Methods[K]> };
