import { ok } from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { setImmediate as tick } from "node:timers/promises";

import { dataHeader, pingFrame, ResetStatus, rstStreamFrame, synReplyFrame, synStreamFrame } from "./frame.ts";
import { encodeHeaders } from "./header-block.ts";
import { HeaderStore } from "./header-compression.ts";
import { SpdyConnection } from "./spdy-connection.ts";

/** Numbers from 0 to `limit` - 1, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

function randomFrames(random: (limit: number) => number): Buffer {
  const store = new HeaderStore();
  const header = (): Buffer => store.wrap(encodeHeaders(new Map([["streamtype", ["data", "error", "x"][random(3)]!]])));
  const makers = [
    () => synStreamFrame(1 + 2 * random(8), header()),
    () => synReplyFrame(random(8), header()),
    () => rstStreamFrame(random(16), ResetStatus.Cancel),
    () => pingFrame(random(100)),
    () => Buffer.concat([dataHeader(1 + random(8), 20, random(2) === 0), Buffer.alloc(20, random(256))]),
    () => Buffer.from(Array.from({ length: random(40) }, () => random(256))),
  ];
  const bytes = Buffer.concat(Array.from({ length: 40 }, () => makers[random(makers.length)]!()));
  for (let flips = random(6); flips > 0; flips--) bytes[random(bytes.length)] = random(256);
  return bytes;
}

test("no bytes, however wrong, do more than close the connection", async () => {
  const seed = Number(process.env["CRIB_FUZZ_SEED"] ?? 20_261_121);
  const rounds = Number(process.env["CRIB_FUZZ_ROUNDS"] ?? 2000);
  const random = randomNumbers(seed);
  let survived = 0;
  for (let round = 0; round < rounds; round++) {
    const [near, far] = duplexPair();
    near.on("error", () => {});
    near.resume();
    const onStream = (stream: { reply(): void; discard(): void }): void => {
      stream.reply();
      stream.discard();
    };
    const connection = new SpdyConnection(far, { role: "server", onStream });
    let closed = false;
    void connection.closed.then(() => (closed = true));
    connection.start();
    const bytes = randomFrames(random);
    for (let at = 0; at < bytes.length;) {
      const next = at + 1 + random(200);
      near.write(bytes.subarray(at, next));
      at = next;
    }
    await tick();
    await tick();
    if (!closed) survived++;
    connection.destroy();
    near.destroy();
  }
  ok(survived < rounds, `seed ${seed}: every wrong byte was accepted`);
});
