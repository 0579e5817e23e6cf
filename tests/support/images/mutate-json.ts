type Json = Readonly<Record<string, unknown>>;

/** A document that differs from a right one in one place. */
export interface MutatedJson {
  /** Where, and what is there now. */
  readonly name: string;
  /** Keys that lead to the place. */
  readonly path: readonly string[];
  readonly document: Json;
}

const values: readonly unknown[] = [
  undefined,
  null,
  true,
  -1,
  1.5,
  1e300,
  "",
  "x\0y",
  "\ud800",
  [],
  {},
  [null],
  { __proto__x: 1 },
];

/** Each place of a document, missing or replaced by each kind of value. Always the same ones in the same order. */
export function mutateJson(document: Json): readonly MutatedJson[] {
  return placesOf(document).flatMap((path) =>
    values.map((value) => ({
      name: `${path.join(".")}: ${value === undefined ? "missing" : JSON.stringify(value)}`,
      path,
      document: replaced(document, path, value) as Json,
    })),
  );
}

function placesOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  const below =
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, one]) => placesOf(one, [...path, key]))
      : [];
  return path.length === 0 ? below : [path, ...below];
}

function replaced(within: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const next = replaced((within as Json)[key], rest, value);
  // A list whose entry is missing is a list with one entry less.
  if (Array.isArray(within))
    return within.flatMap((one, index) => (`${index}` !== key ? [one] : next === undefined ? [] : [next]));
  return { ...(within as Json), [key]: next };
}
