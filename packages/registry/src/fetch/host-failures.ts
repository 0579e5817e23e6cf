import { Code, StatusError } from "@crib/errdefs";

/** Collects why hosts failed, until there is no further one. */
export class HostFailures {
  readonly #doing: string;
  readonly #failures: { readonly host: string; readonly reason: StatusError }[] = [];

  constructor(doing: string) {
    this.#doing = doing;
  }

  add(host: string, reason: unknown): void {
    this.#failures.push({ host, reason: StatusError.from(reason) });
  }

  /** The error of all of them. The last host is the registry itself (or the last mirror): its code decides. */
  error(): StatusError {
    const last = this.#failures.at(-1);
    const reasons = this.#failures.map(({ host, reason }) => `${host}: ${reason.message}`);
    return new StatusError(last?.reason.code ?? Code.Unavailable, `${this.#doing}: ${reasons.join("; ")}`, {
      cause: last?.reason,
    });
  }
}
