import { equal } from "node:assert/strict";
import { test } from "node:test";

import { TokenCache } from "./token-cache.ts";

test("a token is kept as long as both clocks say that it lasts", () => {
  let [wall, monotonic] = [1_000_000, 0];
  const open = (): TokenCache => {
    const cache = new TokenCache({ wall: () => wall, monotonic: () => monotonic });
    cache.set("key", { value: "token", lifeMs: 60_000 });
    return cache;
  };
  let cache = open();
  equal(cache.find("other"), undefined);
  wall += 50_000;
  monotonic += 50_000;
  equal(cache.find("key"), "token");
  monotonic += 5_000;
  equal(cache.find("key"), undefined);

  cache = open();
  // The machine slept: only the time of day went on.
  wall += 3_600_000;
  equal(cache.find("key"), undefined);

  cache = open();
  // The time of day was set back.
  wall -= 3_600_000;
  equal(cache.find("key"), "token");
  monotonic += 60_000;
  equal(cache.find("key"), undefined);
});

test("a token without a life is never found", () => {
  const cache = new TokenCache();
  cache.set("key", { value: "token", lifeMs: 0 });
  equal(cache.find("key"), undefined);
});
