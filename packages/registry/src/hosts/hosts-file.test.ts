import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";

import { parseDuration } from "./duration.ts";
import { parseHostsFile } from "./hosts-file.ts";

const file = "/etc/certs.d/docker.io/hosts.toml";

test("hosts come in the order in which they are written, the server last", () => {
  const entries = parseHostsFile(
    `server = "https://registry-1.docker.io"
     [host."https://z.example"]
     capabilities = ["pull"]
     [host."http://a.example:5000/prefix"]
     override_path = true
     [host."m.example"]`,
    file,
  );
  deepEqual(
    entries.map(({ url }) => url?.href),
    ["https://z.example/", "http://a.example:5000/prefix", "https://m.example/", "https://registry-1.docker.io/"],
  );
  deepEqual(
    entries.map(({ capabilities }) => capabilities.resolve),
    [false, true, true, true],
  );
  equal(entries[1]?.overridePath, true);
});

test("an empty file and one without server mean the registry itself", () => {
  equal(parseHostsFile("", file)[0]?.url, undefined);
  equal(parseHostsFile('[host."https://a"]', file)[1]?.url, undefined);
});

test("certificates, headers and durations are read in each of their forms", () => {
  const [entry] = parseHostsFile(
    `ca = "a.pem"
     client = [["b.cert", "b.key"], ["c.pem", ""], "d.pem"]
     skip_verify = true
     dial_timeout = "1m1.5s"
     proxy = "http://proxy:8080"
     token_hosts = ["auth.example"]
     future = { unknown = true }
     [header]
     x-one = "1"
     x-two = ["a", "b"]`,
    file,
  );
  deepEqual(entry?.ca, ["a.pem"]);
  deepEqual(entry.clients, [
    ["b.cert", "b.key"],
    ["c.pem", undefined],
    ["d.pem", undefined],
  ]);
  equal(entry.skipVerify, true);
  equal(entry.dialTimeoutMs, 61_500);
  equal(entry.proxy, "http://proxy:8080");
  deepEqual(entry.tokenHosts, ["auth.example"]);
  deepEqual(entry.headers, { "x-one": ["1"], "x-two": ["a", "b"] });
  deepEqual(parseHostsFile('client = "x"\nca = ["a", "b"]', file)[0]?.ca, ["a", "b"]);
});

test("a mistake names the file, the key and what was expected, but no secret", () => {
  const secret = "hunter2-hunter2";
  const cases: readonly (readonly [text: string, said: RegExp])[] = [
    ['capabilities = ["pul"]', /: capabilities\.0: expected "pull", "resolve" or "push"$/],
    ['[host."https://m"]\nca = 1', /: host\.https:\/\/m\.ca: expected a text or a list/],
    ['skip_verify = "no"', /: skip_verify: expected true or false$/],
    ['dial_timeout = "soon"', /: dial_timeout: expected a duration/],
    ['dial_timeout = "0s"', /: dial_timeout: expected a duration above 0/],
    ['server = "ftp://x"', /: server: expected an http or https URL/],
    [`server = "https://user:${secret}@x"`, /: server: expected a URL without user and password/],
    [`[host."https://user:${secret}@x"]`, /expected a URL without user and password/],
    [`[host."ftp://user:${secret}@x"]`, /expected an http or https URL/],
    [`proxy = "socks5://user:${secret}@x"`, /: proxy: expected a URL of a proxy/],
    [`[header]\nauthorization = "${secret}\\u0001"`, /: header\.authorization: expected a text/],
    [`[header]\n"x y" = "${secret}"`, /: header/],
    [`[header]\nx = "${secret}`, /: line 2, column \d+: /],
    ['client = [["a"]]', /: client: expected a path/],
  ];
  for (const [text, said] of cases) {
    throws(
      () => parseHostsFile(text, file),
      (error: StatusError) => {
        equal(error.code, Code.FailedPrecondition);
        ok(error.message.startsWith(`reading registry hosts "${file}": `), error.message);
        ok(said.test(error.message), error.message);
        ok(!error.message.includes(secret), error.message);
        return true;
      },
      text,
    );
  }
});

test("durations are Go's", () => {
  equal(parseDuration("500ms"), 500);
  equal(parseDuration("1h2m3s"), 3_723_000);
  for (const text of ["", "5", "-1s", "1 s", "s", "1s ", "1d", "9".repeat(70)])
    equal(parseDuration(text), undefined, text);
});
