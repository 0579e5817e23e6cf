/** A client's connection after its upgrade, whatever it speaks. */
export interface Connection {
  readonly closed: Promise<Error | undefined>;
  destroy(reason?: Error): void;
}

/** The connections that have left HTTP, which the HTTP server no longer knows. */
export class OpenConnections {
  readonly #open = new Set<Connection>();

  get size(): number {
    return this.#open.size;
  }

  /** Knows the connection until it has closed. */
  add(connection: Connection): void {
    this.#open.add(connection);
    void connection.closed.then(() => this.#open.delete(connection));
  }

  abortAll(): void {
    for (const connection of this.#open) connection.destroy();
  }
}
