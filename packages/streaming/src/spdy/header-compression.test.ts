import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import { constants, createInflate, deflateSync } from "node:zlib";

import { Code } from "@crib/errdefs";

import { ZlibHeaders } from "../testing/index.ts";
import { decodeHeaders, encodeHeaders } from "./header-block.ts";
import { HeaderInflater, HeaderStore } from "./header-compression.ts";
import { headerDictionary } from "./header-dictionary.ts";

function headersOf(request: number): ReadonlyMap<string, string> {
  return new Map([
    ["streamtype", request % 2 === 0 ? "error" : "data"],
    ["requestid", String(request)],
    ["port", String(8000 + request)],
  ]);
}

test("blocks of one zlib stream with the dictionary are inflated one by one", async () => {
  using zlib = new ZlibHeaders();
  const inflater = new HeaderInflater();
  for (let request = 0; request < 300; request++) {
    const headers = headersOf(request);
    const block = await zlib.compress(encodeHeaders(headers));
    deepEqual([...decodeHeaders(inflater.inflate(block))], [...headers]);
  }
});

test("what is stored can be read by zlib", async () => {
  const store = new HeaderStore();
  const inflate = createInflate({ dictionary: headerDictionary });
  const read: Buffer[] = [];
  inflate.on("data", (chunk: Buffer) => read.push(chunk));
  const blocks = [0, 1, 2].map((request) => encodeHeaders(headersOf(request)));
  for (const block of blocks) inflate.write(store.wrap(block));
  await new Promise<void>((resolve) => inflate.flush(constants.Z_SYNC_FLUSH, resolve));
  inflate.destroy();
  deepEqual(Buffer.concat(read), Buffer.concat(blocks));
});

test("16 KiB that inflate to 16 MiB are refused before they exist", () => {
  const bomb = deflateSync(Buffer.alloc(16 * 1024 * 1024), { finishFlush: constants.Z_SYNC_FLUSH });
  ok(bomb.length < 17 * 1024);
  const before = process.memoryUsage().rss;
  throws(() => new HeaderInflater().inflate(bomb), { code: Code.InvalidArgument });
  ok(process.memoryUsage().rss - before < 8 * 1024 * 1024);
});

test("what is no zlib stream is refused", () => {
  for (const block of [
    Buffer.alloc(0),
    Buffer.from([0x78]),
    Buffer.from("GET / HTTP/1.1"),
    Buffer.from([0x78, 0x01, 0xff, 0xff, 0xff]),
  ]) {
    throws(() => new HeaderInflater().inflate(block), { code: Code.InvalidArgument });
  }
});

test("numbers in a block are believed only as far as there are bytes", () => {
  const count = Buffer.from([0x80, 0, 0, 0]);
  const nameLength = Buffer.from([0, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0]);
  const tooMuch = Buffer.concat([encodeHeaders(headersOf(1)), Buffer.from([0])]);
  for (const block of [count, nameLength, tooMuch, Buffer.alloc(3)])
    throws(() => decodeHeaders(block), { code: Code.InvalidArgument });
});

test("the dictionary is that of SPDY/3", () => {
  equal(headerDictionary.length, 1423);
});
