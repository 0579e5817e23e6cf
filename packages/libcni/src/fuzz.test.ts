import { equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { StatusError } from "@crib/errdefs";

import { decodeEntry } from "./cache/cache-entry.ts";
import { parseNetworkList } from "./config/network-list.ts";
import { parseResult } from "./results/decode-result.ts";
import { encodeResult } from "./results/encode-result.ts";
import { podAddresses } from "./results/pod-addresses.ts";
import { mutateJson } from "./testing/mutate-json.ts";
import { SeededRandom } from "./testing/random.ts";
import { pluginFailure } from "./verbs/plugin-failure.ts";
import { supportedVersions } from "./version.ts";

const rounds = 2_000;

const results = [
  '{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","mac":"0a:58:0a:00:00:02","sandbox":"/run/netns/x","mtu":1500}],"ips":[{"address":"10.0.0.2/24","gateway":"10.0.0.1","interface":0}],"routes":[{"dst":"0.0.0.0/0","gw":"10.0.0.1","priority":5}],"dns":{"nameservers":["10.0.0.10"],"search":["a"]}}',
  '{"cniVersion":"0.4.0","interfaces":[{"name":"eth0"}],"ips":[{"version":"6","address":"fd00::2/64","interface":0}],"dns":{}}',
  '{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/24","gateway":"10.0.0.1","routes":[{"dst":"0.0.0.0/0"}]},"ip6":{"ip":"fd00::2/64"},"dns":{}}',
  '{"cniVersion":"1.0.0","code":7,"msg":"bad","details":"worse"}',
];
const lists = [
  '{"cniVersion":"1.0.0","name":"pods","disableCheck":false,"plugins":[{"type":"bridge","capabilities":{"ips":true},"ipam":{"type":"host-local","ranges":[[{"subnet":"10.0.0.0/24"}]]}},{"type":"portmap","capabilities":{"portMappings":true}}]}',
  '{"cniVersion":"0.3.1","cniVersions":["0.4.0","1.1.0"],"name":"one","type":"ptp","ipam":{"type":"dhcp"}}',
];
const entries = [
  `{"kind":"cniCacheV1","containerId":"c","config":"${Buffer.from(lists[0] ?? "").toString("base64")}","ifName":"eth0","networkName":"pods","netns":"/n","cniArgs":[["a","b"]],"capabilityArgs":{"ips":[]},"result":${results[0]}}`,
];

/** Feeds mutated texts to `parse`, which must answer with a value or a StatusError of bounded, printable text. */
function fuzz(seeds: readonly string[], seed: number, parse: (text: string) => unknown): void {
  const random = new SeededRandom(seed);
  let succeeded = 0;
  for (let round = 0; round < rounds; round++) {
    // Now and then no relative of JSON at all.
    const text = random.below(20) === 0 ? randomText(random) : mutateJson(random.pick(seeds), random);
    try {
      parse(text);
      succeeded++;
    } catch (reason) {
      ok(reason instanceof StatusError, `round ${round}: ${String(reason)} for ${JSON.stringify(text.slice(0, 300))}`);
      ok(
        reason.message.length < 3_000 && !/\p{Cc}/u.test(reason.message),
        `round ${round}: ${JSON.stringify(reason.message)}`,
      );
    }
  }
  equal(({} as { polluted?: unknown }).polluted, undefined);
  // Neither everything nor nothing got through, so both ways were tried.
  ok(succeeded > rounds / 50 && succeeded < rounds, `${succeeded} of ${rounds} succeeded`);
}

function randomText(random: SeededRandom): string {
  return String.fromCharCode(...Array.from({ length: random.below(200) }, () => random.below(0x10000)));
}

test("mutated plugin output gives a valid result or a typed error", () => {
  fuzz(results, 1, (text) => {
    const exit = { exitCode: 0, killedBy: undefined, stdout: text, stderr: "" };
    const failure = pluginFailure(exit, { plugin: "p", command: "ADD", doing: "testing" });
    if (failure !== undefined) throw failure;
    const result = parseResult(text, "1.0.0");
    for (const version of supportedVersions) parseResult(JSON.stringify(encodeResult(result, version)), version);
    return result.ips.length === 0 ? undefined : podAddresses(result, "ipv4", result.interfaces[0]?.name ?? "eth0");
  });
});

test("mutated configuration gives a valid list or a typed error", () => {
  fuzz(lists, 2, (text) => {
    const list = parseNetworkList(text, "fuzz", [{ type: "tuning" }]);
    equal(parseNetworkList(list.bytes, "fuzz").bytes, list.bytes);
  });
});

test("a mutated cache file gives an entry or a typed error", () => {
  fuzz(entries, 3, (text) => decodeEntry(text, "/cache/file"));
});
