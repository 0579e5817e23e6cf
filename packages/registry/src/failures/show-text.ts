const limitChars = 300;

/**
 * Text of a registry as it may stand in a message: on one line, at most 300 characters, free of characters that a terminal
 * obeys, and without the secrets that the registry was told (a hostile one repeats them).
 */
export function showText(text: string, secrets: readonly string[] = []): string {
  let shown = text;
  for (const secret of secrets) {
    if (secret.length >= minSecretChars) shown = shown.replaceAll(secret, "[redacted]");
  }
  // Cut after the replacement: a secret that is cut in two would not be found.
  shown = shown.replace(/\s+/g, " ").trim();
  if (shown.length > limitChars) shown = `${shown.slice(0, limitChars)}...`;
  return shown.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeCharacter);
}

/** Shorter ones would blank out half of a message and are no secret. */
const minSecretChars = 4;

/** A URL as it may stand in a message: without user, query and fragment, which may hold signatures and tokens. */
export function showUrl(url: URL): string {
  return showText(`${url.protocol}//${url.host}${url.pathname}`);
}

function escapeCharacter(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16)}}`;
}
