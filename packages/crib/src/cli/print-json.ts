/**
 * Prints a value as JSON on standard output. Texts of images and pods may hold what terminals take for commands: JSON escapes
 * C0 by itself, the rest is escaped here, and the result means the same.
 */
export function printJson(value: unknown): void {
  const text = JSON.stringify(value, null, 2) ?? "null";
  process.stdout.write(`${escapeControls(text)}\n`);
}

const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

/** A text in which controls and what breaks or turns lines are written as `\uXXXX`; line feeds and tabs stay. */
export function escapeControls(text: string): string {
  return text.replaceAll(unprintable, (character) =>
    character === "\n" || character === "\t"
      ? character
      : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
