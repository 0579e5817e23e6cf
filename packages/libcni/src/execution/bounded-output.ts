/** Collects a stream's bytes up to a limit: either the first ones, noting an overflow, or the last ones. */
export class BoundedOutput {
  readonly #limitBytes: number;
  readonly #keep: "first" | "last";
  #chunks: Buffer[] = [];
  #length = 0;
  #overflowed = false;

  constructor(limitBytes: number, keep: "first" | "last") {
    this.#limitBytes = limitBytes;
    this.#keep = keep;
  }

  /** Whether more came than was kept. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  push(chunk: Buffer): void {
    const room = this.#limitBytes - this.#length;
    if (chunk.length > room) this.#overflowed = true;
    if (this.#keep === "first") {
      if (room > 0) this.#append(chunk.subarray(0, room));
      return;
    }
    this.#append(chunk);
    // Joined only now and then: the copying stays linear in what is received.
    if (this.#length > 2 * this.#limitBytes) this.#trim();
  }

  /** The bytes as UTF-8; what is none becomes U+FFFD. */
  text(): string {
    this.#trim();
    return Buffer.concat(this.#chunks).toString("utf8");
  }

  #append(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  #trim(): void {
    if (this.#length <= this.#limitBytes) return;
    // A copy, so that the large joined buffer is freed.
    const tail = Buffer.from(Buffer.concat(this.#chunks).subarray(this.#length - this.#limitBytes));
    this.#chunks = [tail];
    this.#length = tail.length;
  }
}
