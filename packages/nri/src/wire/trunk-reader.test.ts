import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { maxTrunkPayloadBytes, TrunkReader } from "./trunk-reader.ts";

function frame(id: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(id, 0);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** What was read, the pieces of each connection put together. */
function read(chunks: readonly Uint8Array[]): {
  readonly byId: Readonly<Record<number, string>>;
  readonly inside: boolean;
} {
  const byId: Record<number, string> = {};
  const reader = new TrunkReader((id, bytes) => (byId[id] = (byId[id] ?? "") + Buffer.from(bytes).toString("latin1")));
  for (const chunk of chunks) reader.push(chunk);
  return { byId, inside: reader.insideFrame };
}

test("frames are read whatever they are cut into", () => {
  const whole = Buffer.concat([
    frame(1, Buffer.from("one")),
    frame(2, Buffer.from("two two")),
    frame(1, Buffer.alloc(0)),
    frame(1, Buffer.from("three")),
  ]);
  const expected = { byId: { 1: "onethree", 2: "two two" }, inside: false };
  for (let first = 0; first <= whole.length; first++) {
    for (let second = first; second <= whole.length; second++) {
      const chunks = [whole.subarray(0, first), whole.subarray(first, second), whole.subarray(second)];
      deepEqual(read(chunks), expected, `cut at ${first} and ${second}`);
    }
  }
  deepEqual(read([...whole].map((byte) => Buffer.of(byte))), expected);
});

test("an end inside a header or a payload is known", () => {
  const whole = frame(1, Buffer.from("abc"));
  for (let length = 0; length <= whole.length; length++) {
    equal(read([whole.subarray(0, length)]).inside, length > 0 && length < whole.length, `after ${length} bytes`);
  }
});

test("the largest frame is taken, and one byte more refused by its header alone", () => {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(1, 0);
  header.writeUInt32BE(maxTrunkPayloadBytes, 4);
  deepEqual(read([header]), { byId: {}, inside: true });
  header.writeUInt32BE(maxTrunkPayloadBytes + 1, 4);
  throws(() => read([header]), /4194315 bytes is over the limit/);
});
