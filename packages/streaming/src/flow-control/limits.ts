/**
 * Milliseconds between pings to a client while nothing is read from it: the answer of a dead client's kernel is the only sign of its death then.
 */
export const pingMs = 10_000;

/** Milliseconds that a client has to close its end after ours, during which what it sends is dropped. */
export const lingerMs = 120_000;
