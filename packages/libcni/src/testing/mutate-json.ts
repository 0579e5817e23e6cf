import type { SeededRandom } from "./random.ts";

/** Values that parsers of careless make stumble over, as JSON text. */
const hostile = [
  "null",
  "true",
  "-1",
  "0",
  "0.5",
  "1e308",
  "-1e999",
  "9007199254740993",
  "4294967296",
  '""',
  '"x"',
  '"\\u0000"',
  '"\\ud800"',
  '"../../bin/sh"',
  '"10.0.0.1/33"',
  '"fe80::1%eth0/64"',
  '"::ffff:1.2.3.4/128"',
  "[]",
  "{}",
  "[null]",
  "[[]]",
  '{"__proto__":{"polluted":1}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"code":7,"msg":"x"}',
  '{"toString":1,"length":-1}',
  `"${"x".repeat(5000)}"`,
  `${"[".repeat(3000)}${"]".repeat(3000)}`,
];

/** JSON text with one to three faults: values replaced, keys renamed, or bytes changed, removed or repeated. */
export function mutateJson(text: string, random: SeededRandom): string {
  let mutated = text;
  for (let left = 1 + random.below(3); left > 0; left--) mutated = mutateOnce(mutated, random);
  return mutated;
}

function mutateOnce(text: string, random: SeededRandom): string {
  const at = random.below(text.length + 1);
  switch (random.below(6)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + String.fromCharCode(random.below(0x300)) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + text.slice(at, at + 1 + random.below(40)).repeat(2) + text.slice(at);
    case 3:
      return replaceToken(text, /"[^"\\]*"(?=\s*:)/g, random, [
        '"__proto__"',
        '"constructor"',
        '"type"',
        '"code"',
        '"plugins"',
        '""',
      ]);
    default:
      return replaceToken(text, /(?<=[:,[]\s*)("[^"\\]*"|-?[0-9.]+|true|false|null|\[\]|\{\})/g, random, hostile);
  }
}

function replaceToken(text: string, token: RegExp, random: SeededRandom, values: readonly string[]): string {
  const found = [...text.matchAll(token)];
  if (found.length === 0) return text;
  const match = random.pick(found);
  return text.slice(0, match.index) + random.pick(values) + text.slice(match.index + match[0].length);
}
