import { deepEqual } from "node:assert/strict";
import { test } from "node:test";

import { parseImageUser } from "./image-user.ts";

test("numbers are uids, names are names, groups are left out", () => {
  deepEqual(parseImageUser(""), {});
  deepEqual(parseImageUser(":5"), {});
  deepEqual(parseImageUser("0"), { uid: 0n });
  deepEqual(parseImageUser("1000"), { uid: 1000n });
  deepEqual(parseImageUser("1000:5"), { uid: 1000n });
  deepEqual(parseImageUser("2147483647:x"), { uid: 2147483647n });
  deepEqual(parseImageUser("www-data:adm"), { username: "www-data" });
});

test("nothing that only looks like a number becomes a uid", () => {
  const texts = [
    "2147483648",
    "4294967296",
    "4294967295",
    "99999999999",
    "0x0",
    "1e3",
    "65536junk",
    "-1",
    "+1",
    "00",
    "007",
    " 0",
    "0\n",
    "٠",
    "1.0",
    "18446744073709551616",
  ];
  for (const text of texts) {
    deepEqual(parseImageUser(text), { username: text });
    deepEqual(parseImageUser(`${text}:0`), { username: text });
  }
});
