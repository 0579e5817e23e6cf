/** One way in which a server wants to be told who asks (RFC 9110, section 11.6.1). */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case; the first of equal ones. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Headers longer than this are not read; no honest one comes near. */
const limitChars = 8 << 10;

/**
 * Reads `WWW-Authenticate` lines. Never fails: what is no challenge is left out, a line that is too long is ignored. Takes time
 * in proportion to the text.
 */
export function parseChallenges(lines: readonly string[]): readonly Challenge[] {
  return lines.filter((line) => line.length <= limitChars).flatMap((line) => new ChallengeReader(line).read());
}

const isTokenCharacter = (character: string | undefined): boolean =>
  character !== undefined && /^[A-Za-z0-9!#$%&'*+.^_`|~-]$/.test(character);

class ChallengeReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): readonly Challenge[] {
    const found: { scheme: string; parameters: Map<string, string> }[] = [];
    while (this.#at < this.#text.length) {
      this.#skip(" \t,");
      const word = this.#token();
      if (word === "") {
        // Not a place where anything can begin: go on behind it, or this would never end.
        this.#at++;
        continue;
      }
      const behind = this.#at;
      this.#skip(" \t");
      const current = found.at(-1);
      if (this.#text[this.#at] === "=" && current !== undefined) {
        this.#parameter(word, current.parameters);
      } else {
        this.#at = behind;
        found.push({ scheme: word.toLowerCase(), parameters: new Map() });
      }
    }
    return found;
  }

  #parameter(name: string, parameters: Map<string, string>): void {
    this.#at++;
    this.#skip(" \t");
    const value = this.#text[this.#at] === '"' ? this.#quoted() : this.#token();
    if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
  }

  #quoted(): string {
    let value = "";
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at];
      if (character === '"') break;
      if (character === "\\") this.#at++;
      value += this.#text[this.#at] ?? "";
    }
    this.#at++;
    return value;
  }

  #token(): string {
    const from = this.#at;
    while (isTokenCharacter(this.#text[this.#at])) this.#at++;
    return this.#text.slice(from, this.#at);
  }

  #skip(characters: string): void {
    while (this.#at < this.#text.length && characters.includes(this.#text[this.#at] ?? "")) this.#at++;
  }
}
