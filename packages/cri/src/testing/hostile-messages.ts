import { create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";

/** Texts that have been trouble somewhere. */
const texts = [
  "",
  "a",
  "..",
  "/",
  "/a/../b",
  "a\nb",
  "a\0b",
  "\u001b[31m",
  "__proto__",
  "constructor",
  "1e3",
  "0x10",
  "-1",
  "%n",
  "runtime/default",
  "localhost/",
  "x.slice",
  "10.0.0.1",
  "::1",
  "net.ipv4.ip_forward",
  "kernel.shmmax",
  "runc",
  "kubernetes.io/ingress-bandwidth",
  "10M",
  "\u{1f4a9}",
  "\u2028",
  "\u0085\u202e",
  "x".repeat(300),
  "=;=;",
  "a+b=c",
  "0-3",
  "rwm",
  "2MB",
  "memory.high",
  "NET_ADMIN",
  "/proc/self/fd/7",
  "vendor.com/class=device",
  "sha256:abc",
  "A=B",
];

const integers = [
  0n,
  1n,
  -1n,
  2n ** 31n - 1n,
  -(2n ** 31n),
  65_536n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];

/** Numbers below a limit, the same each time (xorshift32), so that a failure can be seen again. */
export function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

function scalar(type: ScalarType, random: (limit: number) => number): unknown {
  const text = texts[random(texts.length)] ?? "";
  const integer = integers[random(integers.length)] ?? 0n;
  if (type === ScalarType.STRING) return text;
  if (type === ScalarType.BYTES) return Buffer.from(text);
  if (type === ScalarType.BOOL) return random(2) === 0;
  if (type === ScalarType.INT64) return integer;
  if (type === ScalarType.UINT64) return BigInt.asUintN(64, integer);
  if (type === ScalarType.UINT32) return Number(BigInt.asUintN(32, integer));
  return Number(BigInt.asIntN(32, integer));
}

/** Sets a quarter of the fields of a message, at all depths, to values of the right type and no sense. */
export function fill(message: Message, schema: DescMessage, random: (limit: number) => number): void {
  const reflected = reflect(schema, message);
  for (const field of schema.fields) {
    if (random(4) === 0) setField(reflected, field, random);
  }
}

function setField(reflected: ReturnType<typeof reflect>, field: DescField, random: (limit: number) => number): void {
  const value = (): unknown => {
    if (field.fieldKind === "enum" || ("enum" in field && field.enum)) return random(6) - 1;
    if (field.message) {
      const child = create(field.message);
      fill(child, field.message, random);
      return field.fieldKind === "message" ? reflect(field.message, child) : child;
    }
    return scalar("scalar" in field && field.scalar ? field.scalar : ScalarType.STRING, random);
  };
  if (field.fieldKind === "list") {
    const list = reflected.get(field);
    for (let i = random(4); i > 0; i--)
      list.add(field.listKind === "message" ? reflect(field.message, value() as Message) : value());
  } else if (field.fieldKind === "map") {
    const map = reflected.get(field);
    for (let i = random(4); i > 0; i--) map.set(texts[random(texts.length)] ?? "", texts[random(texts.length)]);
  } else reflected.set(field, value());
}
