import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { Duplex, duplexPair } from "node:stream";
import { test } from "node:test";

import { Trunk } from "./trunk.ts";

/** A connection whose end is no surprise. */
function open(trunk: Trunk, id: number): Duplex {
  return trunk.open(id).on("error", () => {});
}

/** Lengths of the frames that were written to a socket. */
function frameLengths(bytes: Buffer): readonly number[] {
  const lengths: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at + 4);
    lengths.push(length);
    at += 8 + length;
  }
  return lengths;
}

test("a message goes as at most 4096 bytes and then the rest, never more frames and never two messages in one", async () => {
  const cases: readonly (readonly [number, readonly number[]])[] = [
    [10, [10]],
    [4096, [4096]],
    [4097, [4096, 1]],
    [9000, [4096, 4904]],
    [10 + (4 << 20), [4096, 10 + (4 << 20) - 4096]],
  ];
  for (const [size, expected] of cases) {
    const written: Buffer[] = [];
    const socket = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        written.push(chunk);
        done();
      },
    });
    const trunk = new Trunk(socket);
    const connection = open(trunk, 1);
    connection.write(Buffer.alloc(size));
    connection.write(Buffer.alloc(3));
    await new Promise(setImmediate);
    deepEqual(frameLengths(Buffer.concat(written)), [...expected, 3], `${size} bytes`);
    trunk.close("the test ends");
  }
});

test("bytes of each connection come out at the other end, in order", async () => {
  const [a, b] = duplexPair();
  const [left, right] = [new Trunk(a), new Trunk(b)];
  const [one, two] = [open(left, 1), open(left, 2)];
  const received: Record<string, Buffer[]> = { one: [], two: [] };
  open(right, 1).on("data", (bytes: Buffer) => received["one"]?.push(bytes));
  open(right, 2).on("data", (bytes: Buffer) => received["two"]?.push(bytes));
  const large = Buffer.alloc(100_000, "x");
  one.write(large);
  two.write("second");
  one.write("end");
  const bytes = (): number =>
    Object.values(received)
      .flat()
      .reduce((sum, { length }) => sum + length, 0);
  while (bytes() < large.length + "secondend".length) await new Promise(setImmediate);
  deepEqual(Buffer.concat(received["one"] ?? []), Buffer.concat([large, Buffer.from("end")]));
  equal(Buffer.concat(received["two"] ?? []).toString(), "second");
  left.close("the test ends");
  right.close("the test ends");
});

test("the end of a trunk is the end of its connections, with the reason", async () => {
  const [a, b] = duplexPair();
  const trunk = new Trunk(a);
  const connection = open(trunk, 1);
  const failed = once(connection, "error");
  connection.resume();
  b.write(Buffer.from([0, 0, 0, 1, 0, 0, 0, 9, 1, 2]));
  b.end();
  equal(await trunk.closed, "ended inside a frame");
  equal(((await failed) as [Error])[0].message, "ended inside a frame");
  ok(connection.destroyed);
});

test("a peer that does not read holds up the writer, and bytes are not piled up", async () => {
  const [a] = duplexPair();
  const trunk = new Trunk(a);
  const connection = open(trunk, 1);
  let accepted = 0;
  for (let at = 0; at < 100; at++) {
    connection.write(Buffer.alloc(64 * 1024), () => accepted++);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  ok(connection.writableNeedDrain);
  ok(accepted < 10, `${accepted} messages were taken`);
  trunk.close("the test ends");
});
