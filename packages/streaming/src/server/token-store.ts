import { randomBytes } from "node:crypto";

import { Code, StatusError } from "@crib/errdefs";

/** 128 random bits. */
const tokenBytes = 16;

interface Waiting<Value> {
  readonly value: Value;
  readonly timer: NodeJS.Timeout;
}

/** Values that each wait for one client. A token is 22 URL-safe characters; it works once, and not after `tokenMs`. */
export class TokenStore<Value> {
  readonly #waiting = new Map<string, Waiting<Value>>();
  readonly #tokenMs: number;
  readonly #maxTokens: number;

  constructor(limits: { readonly tokenMs: number; readonly maxTokens: number }) {
    this.#tokenMs = limits.tokenMs;
    this.#maxTokens = limits.maxTokens;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** ResourceExhausted when too many wait. */
  add(kind: string, value: Value): string {
    if (this.#waiting.size >= this.#maxTokens) {
      throw new StatusError(
        Code.ResourceExhausted,
        `giving out a streaming URL: ${this.#maxTokens} already wait for their clients`,
      );
    }
    const token = randomBytes(tokenBytes).toString("base64url");
    const key = `${kind}/${token}`;
    const timer = setTimeout(() => this.#waiting.delete(key), this.#tokenMs).unref();
    this.#waiting.set(key, { value, timer });
    return token;
  }

  /** The value, which is forgotten here; undefined for a token that is unknown, used, too old, or of another kind. */
  take(kind: string, token: string): Value | undefined {
    const key = `${kind}/${token}`;
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    clearTimeout(waiting?.timer);
    return waiting?.value;
  }

  /** Forgets all. */
  clear(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }
}
