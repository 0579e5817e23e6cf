import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { FrameDecoder } from "./frame-decoder.ts";
import {
  dataHeader,
  goAwayFrame,
  pingFrame,
  ResetStatus,
  rstStreamFrame,
  synReplyFrame,
  synStreamFrame,
} from "./frame.ts";

/** What a decoder makes of chunks; pieces of data are put together again. */
function decode(chunks: readonly Buffer[]): readonly string[] {
  const seen: string[] = [];
  let data = "";
  const decoder = new FrameDecoder({
    control: (type, flags, payload) => seen.push(`control ${type} ${flags} ${payload.toString("hex")}`),
    data: (id, piece, fin) => {
      data += piece.toString("latin1");
      if (fin) seen.push(`data ${id} ${data}`);
    },
  });
  for (const chunk of chunks) decoder.push(chunk);
  return seen;
}

const everything = Buffer.concat([
  synStreamFrame(1, Buffer.from("headers")),
  synReplyFrame(1, Buffer.from("more")),
  rstStreamFrame(3, ResetStatus.Cancel),
  pingFrame(7),
  dataHeader(1, 5, false),
  Buffer.from("hello"),
  dataHeader(1, 0, false),
  dataHeader(1, 3, true),
  Buffer.from("end"),
  goAwayFrame(1),
]);

test("frames cut at any two bytes are the same frames", () => {
  const whole = decode([everything]);
  deepEqual(whole.length, 6);
  for (let first = 0; first <= everything.length; first++) {
    for (let second = first; second <= everything.length; second++) {
      const chunks = [everything.subarray(0, first), everything.subarray(first, second), everything.subarray(second)];
      deepEqual(decode(chunks), whole);
    }
  }
  deepEqual(decode([...everything].map((byte) => Buffer.from([byte]))), whole);
});

test("a control frame is refused by its length, before its bytes come", () => {
  const settings = Buffer.from([0x80, 3, 0, 4, 0, 0xff, 0xff, 0xff]);
  throws(() => decode([settings]), { code: Code.InvalidArgument });
});

test("another version and data of stream 0 are refused", () => {
  throws(() => decode([Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 0])]), { code: Code.InvalidArgument });
  throws(() => decode([dataHeader(0, 0, false)]), { code: Code.InvalidArgument });
});
