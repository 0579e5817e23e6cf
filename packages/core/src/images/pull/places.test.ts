import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { Places } from "./places.ts";

test("places are given in the order in which they were asked for, and given back once", async (t) => {
  const places = new Places(2);
  const [first, second] = [await places.take(t.signal), await places.take(t.signal)];
  const order: number[] = [];
  const waiting = [1, 2].map(async (number) => {
    const place = await places.take(t.signal);
    order.push(number);
    return place;
  });
  equal(places.waiting, 2);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await waiting[0];
  await new Promise((resolve) => setTimeout(resolve, 5));
  deepEqual(order, [1]);
  second[Symbol.dispose]();
  await waiting[1];
  deepEqual(order, [1, 2]);
});

test("who stops waiting is not given a place, not even one that was just handed over", async (t) => {
  const places = new Places(1);
  const held = await places.take(t.signal);
  const leave = new AbortController();
  const gone = new StatusError(Code.Canceled, "gone");
  const left = places.take(leave.signal);
  leave.abort(gone);
  await rejects(left, { code: Code.Canceled });
  equal(places.waiting, 0);
  await rejects(places.take(leave.signal), gone);

  const late = new AbortController();
  const handed = places.take(late.signal);
  held[Symbol.dispose]();
  late.abort(gone);
  await handed.then(
    (place) => place[Symbol.dispose](),
    () => {},
  );
  using again = await places.take(t.signal);
  equal(typeof again[Symbol.dispose], "function");
});
