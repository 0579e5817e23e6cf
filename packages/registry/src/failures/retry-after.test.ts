import { equal } from "node:assert/strict";
import { test } from "node:test";

import { parseRetryAfter } from "./retry-after.ts";

test("Retry-After is seconds or a date", () => {
  const now = Date.parse("Wed, 21 Oct 2026 07:28:00 GMT");
  equal(parseRetryAfter("0", now), 0);
  equal(parseRetryAfter("120", now), 120_000);
  equal(parseRetryAfter("9".repeat(400), now), Number.POSITIVE_INFINITY);
  equal(parseRetryAfter("Wed, 21 Oct 2026 07:28:30 GMT", now), 30_000);
  equal(parseRetryAfter("Wednesday, 21-Oct-26 07:28:30 GMT", now), 30_000);
  equal(parseRetryAfter("Wed, 21 Oct 2026 07:27:30 GMT", now), undefined);
  for (const text of [undefined, "", "-1", "1.5", "soon", "0x10", "Wed, never"])
    equal(parseRetryAfter(text, now), undefined);
});
