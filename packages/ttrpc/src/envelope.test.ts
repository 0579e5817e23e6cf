import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from "./envelope.ts";
import { encodeFrame, FrameFlag, FrameType } from "./frame.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("a frame has length, stream id, type and flags in network order", () => {
  const payload = Uint8Array.of(0xaa, 0xbb);
  const flags = FrameFlag.RemoteClosed | FrameFlag.NoData;
  equal(hex(encodeFrame({ streamId: 0x01020305, type: FrameType.Data, flags, payload })), "00000002010203050305aabb");
});

test("a request has the fields of ttrpc.Request", () => {
  const request = {
    service: "s",
    method: "m",
    payload: Uint8Array.of(1),
    timeoutNano: 300n,
    metadata: [["k", "v"]],
  } as const;
  const bytes = encodeRequest(request);
  equal(hex(bytes), "0a017312016d1a010120ac022a060a016b120176");
  deepEqual(decodeRequest(bytes), request);
});

test("a response has the fields of ttrpc.Response and google.rpc.Status", () => {
  const response = { status: { code: 5, message: "no", details: [] }, payload: Uint8Array.of(9) };
  const bytes = encodeResponse(response);
  equal(hex(bytes), "0a06080512026e6f120109");
  deepEqual(decodeResponse(bytes), response);
  deepEqual(decodeResponse(new Uint8Array(0)), { status: undefined, payload: new Uint8Array(0) });
});

test("a payload that was not sent is told apart from none, and the longest timeout survives", () => {
  const empty = { service: "", method: "", payload: undefined, timeoutNano: (1n << 63n) - 1n, metadata: [] };
  deepEqual(decodeRequest(encodeRequest(empty)), empty);
});

test("unknown fields and known ones of a foreign type are skipped, broken ones throw", () => {
  const service = [0x0a, 0x01, 0x73];
  const unknown = [0x7a, 0x02, 0x01, 0x02, 0x08, 0x05];
  equal(decodeRequest(Uint8Array.from([...unknown, ...service])).service, "s");
  throws(() => decodeRequest(Uint8Array.of(0x0a, 0x05, 0x73)));
  throws(() => decodeRequest(Uint8Array.of(0x1a, 0xff, 0xff, 0xff, 0xff, 0x0f)));
  throws(() => decodeResponse(new Uint8Array(64).fill(0x0b)));
});
