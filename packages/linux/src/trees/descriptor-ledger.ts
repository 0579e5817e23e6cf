/** The highest descriptor that is written down, and so the size of a ledger in bytes. */
const ledgerBytes = 65_536;

let ledger: Uint8Array | undefined;

/**
 * A list of the descriptors that the tree calls of a thread hold, in memory that its starter shares: Node closes what `node:fs` opened
 * when a thread dies, it does not know of these. One that is being opened at that very moment is lost.
 */
export function makeDescriptorLedger(): SharedArrayBuffer {
  return new SharedArrayBuffer(ledgerBytes);
}

/** From now on the tree calls of this thread write into the ledger. */
export function useDescriptorLedger(shared: SharedArrayBuffer): void {
  ledger = new Uint8Array(shared);
}

/** The descriptors of a thread that has ended; nobody else closes them. */
export function openDescriptors(shared: SharedArrayBuffer): readonly number[] {
  return [...new Uint8Array(shared).entries()].filter(([, isOpen]) => isOpen === 1).map(([fd]) => fd);
}

/** Notes an opened descriptor. */
export function noteOpened(fd: number): void {
  if (ledger !== undefined && fd < ledgerBytes) ledger[fd] = 1;
}

/** Notes a descriptor before it is closed, since another thread may get the number right after. */
export function noteClosed(fd: number): void {
  if (ledger !== undefined && fd < ledgerBytes) ledger[fd] = 0;
}
