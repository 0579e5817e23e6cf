import { Code } from "@crib/errdefs";

import type { Exchange, Fault, ServeChanges } from "../exchange.ts";
import { flip, flipped, hangUp, serveWith, silence, status } from "../faults.ts";
import { type FaultScript, layerPath } from "./fault-script.ts";

const lengthOf = ({ content }: Exchange): number => content?.bytes.length ?? 0;
const breakAt = (part: number, changes: ServeChanges = {}): Fault =>
  serveWith((exchange) => ({ ...changes, stopAfter: Math.floor(lengthOf(exchange) * part) }));
const resized = (change: number, changes: ServeChanges = {}): Fault =>
  serveWith(({ content }) => {
    const bytes = content?.bytes ?? Buffer.alloc(0);
    const resized =
      change < 0 ? bytes.subarray(0, bytes.length + change) : Buffer.concat([bytes, Buffer.alloc(change)]);
    return { ...changes, bytes: resized };
  });

interface Case {
  readonly name: string;
  readonly ends: FaultScript["ends"];
  /** What happens to the first request, and the following ones; after the last one all is well. */
  readonly faults?: readonly Fault[];
  /** What happens to each request. */
  readonly always?: Fault;
  readonly isSlow?: true;
}

function onLayer({ name, ends, faults = [], always, isSlow }: Case): FaultScript {
  return {
    name: `layer: ${name}`,
    ends,
    ...(isSlow && { isSlow }),
    prepare: (stage) => {
      const path = layerPath(stage);
      for (const fault of faults) stage.registry.script({ path, times: 1 }, fault);
      if (always !== undefined) stage.registry.script({ path }, always);
    },
  };
}

/** Layers that break off, stall, or are other bytes. */
export const blobScripts: readonly FaultScript[] = [
  onLayer({ name: "500 four times", ends: "pulled", faults: Array.from({ length: 4 }, () => status(500)) }),
  onLayer({ name: "404", ends: Code.NotFound, always: status(404) }),
  onLayer({ name: "connection reset before the answer", ends: "pulled", faults: [hangUp] }),
  onLayer({ name: "connection reset at the first byte", ends: "pulled", faults: [breakAt(0)] }),
  onLayer({ name: "connection reset in the middle", ends: "pulled", faults: [breakAt(0.5)] }),
  onLayer({ name: "connection reset at the end", ends: "pulled", faults: [breakAt(0.999)] }),
  onLayer({
    name: "connection reset four times",
    ends: "pulled",
    faults: [breakAt(0.2), breakAt(0.2), breakAt(0.3), breakAt(0.1)],
  }),
  onLayer({ name: "connection reset for ever", ends: Code.Unavailable, always: breakAt(0) }),
  onLayer({ name: "stalls in the middle", ends: "pulled", faults: [breakAt(0.5, { stop: "stall" })], isSlow: true }),
  onLayer({ name: "stalls before the answer", ends: "pulled", faults: [silence], isSlow: true }),
  onLayer({
    name: "stalls behind the last byte",
    ends: "pulled",
    isSlow: true,
    faults: [breakAt(1, { stop: "stall", isChunked: true })],
  }),
  onLayer({
    name: "comes in drops",
    ends: "pulled",
    always: serveWith((exchange) => ({ chunkBytes: (lengthOf(exchange) >> 4) + 1 })),
  }),
  onLayer({ name: "no length", ends: "pulled", always: serveWith({ isChunked: true }) }),
  onLayer({ name: "a bit is wrong", ends: Code.DataLoss, always: flipped }),
  onLayer({ name: "a byte too short", ends: Code.DataLoss, always: resized(-1) }),
  onLayer({ name: "a byte too long", ends: Code.DataLoss, always: resized(1) }),
  onLayer({
    name: "a megabyte too long, no length",
    ends: Code.DataLoss,
    always: resized(1 << 20, { isChunked: true }),
  }),
  onLayer({
    name: "too short, no length, for ever",
    ends: Code.DataLoss,
    always: breakAt(0.5, { isChunked: true, stop: "end", ignoresRange: true }),
  }),
  onLayer({
    name: "too short, no length, once",
    ends: "pulled",
    faults: [breakAt(0.5, { isChunked: true, stop: "end" })],
  }),
  onLayer({
    name: "resumed, but ranges are ignored",
    ends: "pulled",
    faults: [breakAt(0.5), serveWith({ ignoresRange: true })],
  }),
  onLayer({
    name: "resumed, but ranges are refused (416)",
    ends: "pulled",
    faults: [breakAt(0.5), status(416)],
  }),
  onLayer({
    name: "resumed, but from another byte",
    ends: "pulled",
    faults: [breakAt(0.5), status(206, { "content-range": "bytes 1-2/3" }, "xx")],
  }),
  onLayer({
    name: "resumed, but without saying from where",
    ends: "pulled",
    faults: [breakAt(0.5), status(206, {}, "xx")],
  }),
  onLayer({
    name: "resumed, but of another size",
    ends: Code.DataLoss,
    faults: [breakAt(0.5)],
    always: resized(10),
  }),
  onLayer({
    name: "resumed, but of other bytes",
    ends: Code.DataLoss,
    faults: [breakAt(0.25)],
    always: serveWith(({ content }) => ({ bytes: flip(content?.bytes ?? Buffer.alloc(1)) })),
  }),
  onLayer({
    name: "says that it is packed, and is not",
    ends: "pulled",
    always: serveWith({ headers: { "content-encoding": "gzip" } }),
  }),
];
