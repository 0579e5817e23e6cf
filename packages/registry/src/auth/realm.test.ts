import { equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { judgeRealm } from "./realm.ts";

const registry = new URL("https://registry-1.docker.io");
const plain = new URL("http://registry.local:5000");

test("credentials are for the registry's own host and domain", () => {
  const trusts = (realm: string, of: URL = registry, tokenHosts: readonly string[] = []): boolean =>
    judgeRealm(realm, of, tokenHosts).isTrusted;
  equal(trusts("https://auth.docker.io/token"), true);
  equal(trusts("https://registry-1.docker.io:8443/token"), true);
  equal(trusts("https://gitlab.example.com/jwt", new URL("https://registry.example.com")), true);
  equal(trusts("https://evil.example/token"), false);
  equal(trusts("https://docker.io.evil.example/token"), false);
  equal(trusts("https://evildocker.io/token"), false);
  equal(trusts("https://auth.evil.co.uk/token", new URL("https://registry.good.co.uk")), false);
  equal(trusts("https://auth.good.co.uk/token", new URL("https://registry.good.co.uk")), true);
  equal(trusts("https://co.uk/token", new URL("https://uk.co.uk")), false);
  equal(trusts("https://10.0.0.2/token", new URL("https://10.0.0.1")), false);
  equal(trusts("https://[fd00::2]/token", new URL("https://[fd00::1]")), false);
  equal(trusts("https://auth/token", new URL("https://registry")), false);
  equal(trusts("https://evil.example/token", registry, ["evil.example"]), true);
  equal(trusts("http://registry.local:5001/token", plain), true);
  equal(trusts("http://auth.other:1/token", plain, ["auth.other:1"]), true);
  equal(trusts("https://auth.other/token", plain), false);
});

test("realms that could give credentials away are refused", () => {
  const cases: readonly (readonly [realm: string, of: URL])[] = [
    ["http://auth.docker.io/token", registry],
    ["http://registry-1.docker.io/token", registry],
    ["https://user:pass@auth.docker.io/token", registry],
    ["https://user@auth.docker.io/token", registry],
    ["http://auth.other/token", plain],
    ["ftp://registry.local/token", plain],
    ["file:///etc/passwd", plain],
    ["javascript:alert(1)", plain],
    ["/token", plain],
    ["", plain],
    [`https://auth.docker.io/${"x".repeat(3_000)}`, registry],
  ];
  for (const [realm, of] of cases) {
    throws(() => judgeRealm(realm, of, []), { code: Code.InvalidArgument, message: /realm\) is refused/ }, realm);
  }
});
