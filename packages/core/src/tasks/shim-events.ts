import { createServer } from "node:net";

import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { type Any, type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import { createTtrpcServer } from "@crib/ttrpc";
import {
  Events,
  TaskCheckpointedSchema,
  TaskCreateSchema,
  TaskDeleteSchema,
  TaskExecAddedSchema,
  TaskExecStartedSchema,
  TaskExitSchema,
  TaskOOMSchema,
  TaskPausedSchema,
  TaskResumedSchema,
  TaskStartSchema,
} from "@crib/wire/events";
import type { Envelope } from "@crib/wire/types";

import { createEventHub } from "../events/index.ts";
import { removeDeadSocket } from "./shim-socket.ts";

/** The events that are understood, by the last part of their topic (containerd.md 2.8). */
const schemas = {
  create: TaskCreateSchema,
  start: TaskStartSchema,
  oom: TaskOOMSchema,
  exit: TaskExitSchema,
  delete: TaskDeleteSchema,
  "exec-added": TaskExecAddedSchema,
  "exec-started": TaskExecStartedSchema,
  paused: TaskPausedSchema,
  resumed: TaskResumedSchema,
  checkpointed: TaskCheckpointedSchema,
} as const;

type Schemas = typeof schemas;

/** What a shim tells: one of the task events by its kind, or `other` for a topic or type that crib does not know. */
export type ShimEventBody =
  | { [K in keyof Schemas]: { readonly kind: K; readonly message: MessageShape<Schemas[K]> } }[keyof Schemas]
  | { readonly kind: "other"; readonly typeUrl: string; readonly value: Uint8Array };

/** An event with its envelope. */
export interface ShimEvent {
  /** When it happened, by the shim's clock. */
  readonly at: Date;
  readonly namespace: string;
  /** Such as `/tasks/exit`. */
  readonly topic: string;
  readonly body: ShimEventBody;
}

/** The service that shims forward their events to. */
export interface ShimEvents extends AsyncDisposable {
  /** Events from now on, until `signal` is aborted. A reader that is more than 10,000 behind loses the oldest. */
  watch(signal: AbortSignal): AsyncIterable<ShimEvent>;
  /** Stops serving. Shims keep what they could not send for some seconds: the next daemon gets it. May be repeated. */
  close(): Promise<void>;
}

/**
 * Serves `containerd.services.events.ttrpc.v1.Events` on a socket. Its directory must be there and closed to others,
 * and the umask such that the socket is. A socket file that nobody serves any more is replaced; one that somebody
 * serves, or a file that is no socket, fails with FailedPrecondition.
 */
export async function serveShimEvents(path: string, signal: AbortSignal): Promise<ShimEvents> {
  const doing = `serving shim events at "${path}"`;
  if (!(await removeDeadSocket(path, signal))) {
    throw new StatusError(Code.FailedPrecondition, `${doing}: the path is in use`);
  }
  const hub = createEventHub<ShimEvent>();
  const server = createTtrpcServer();
  server.handle(Events, {
    forward: ({ envelope }) => {
      hub.publish(readEnvelope(envelope));
      return {};
    },
  });
  const listener = createServer();
  await new Promise<void>((resolve, reject) => {
    listener.once("error", (error) => reject(StatusError.from(error, doing)));
    listener.listen(path, resolve);
  });
  listener.on("error", () => undefined); // a connection that could not be accepted; its shim tries again
  server.serve(listener);
  const close = (): Promise<void> => server.close();
  return { watch: (watchSignal) => hub.watch(watchSignal), close, [Symbol.asyncDispose]: close };
}

const name = "[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*";
const namespaceForm = new RegExp(`^${name}$`);
const topicForm = new RegExp(`^(?:/${name})+$`);

/** Checks an envelope as containerd does; InvalidArgument says what is wrong. An unknown topic or type is no error. */
export function readEnvelope(envelope: Envelope | undefined): ShimEvent {
  const refuse = (why: string): StatusError => new StatusError(Code.InvalidArgument, `forwarding an event: ${why}`);
  if (envelope === undefined) throw refuse("no envelope");
  const { namespace, topic, timestamp, event } = envelope;
  if (namespace.length > 76 || !namespaceForm.test(namespace)) throw refuse("invalid namespace");
  if (topic.length > 1024 || !topicForm.test(topic)) throw refuse("invalid topic");
  if (timestamp === undefined || !isTime(timestamp)) throw refuse("invalid timestamp");
  if (event === undefined) throw refuse("no event");
  return { at: timestampDate(timestamp), namespace, topic, body: readBody(topic, event, refuse) };
}

/** The range of google.protobuf.Timestamp: years 1 to 9999. */
function isTime({ seconds, nanos }: Timestamp): boolean {
  return seconds >= -62_135_596_800n && seconds <= 253_402_300_799n && nanos >= 0 && nanos < 1_000_000_000;
}

function readBody(topic: string, event: Any, refuse: (why: string) => StatusError): ShimEventBody {
  const kind = topic.startsWith("/tasks/") ? topic.slice("/tasks/".length) : "";
  const schema: DescMessage | undefined = Object.hasOwn(schemas, kind) ? schemas[kind as keyof Schemas] : undefined;
  const typeName = event.typeUrl.slice(event.typeUrl.lastIndexOf("/") + 1);
  if (schema === undefined || schema.typeName !== typeName) {
    return { kind: "other", typeUrl: event.typeUrl, value: event.value };
  }
  try {
    return { kind, message: fromBinary(schema, event.value) } as ShimEventBody;
  } catch (error) {
    throw refuse(`broken ${typeName}: ${(error as Error).message}`);
  }
}
