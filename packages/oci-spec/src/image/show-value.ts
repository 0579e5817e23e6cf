const limitChars = 80;

/**
 * A value of hostile origin for an error message: texts quoted, cut at 80 characters, control and formatting characters
 * escaped; of lists and objects only how large they are.
 */
export function showValue(value: unknown): string {
  if (typeof value === "string") return `"${escapeText(value)}"`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  if (value === undefined) return "nothing";
  return JSON.stringify(value) ?? "no JSON";
}

function escapeText(text: string): string {
  const cut = text.length > limitChars ? `${text.slice(0, limitChars)}...` : text;
  // Formatting characters (Cf) turn the direction of text round or hide in it; lone surrogates (Cs) are no text.
  return cut.replace(
    /["\\\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}
