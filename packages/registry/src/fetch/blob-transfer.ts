import { createHash, type Hash } from "node:crypto";

import { Code, StatusError } from "@crib/errdefs";
import { type Descriptor, digestAlgorithm } from "@crib/oci-spec";

import { cancelled } from "../failures/cancelled.ts";
import { RequestFailure } from "../failures/request-failure.ts";
import { Tries } from "../failures/tries.ts";
import type { BlobStream } from "../types.ts";
import { HostFailures } from "./host-failures.ts";
import { type BlobHost, openRange, type OpenRange } from "./open-range.ts";
import { type FetchRequest, findCredentials } from "./request.ts";

/** New bytes after which earlier failures of a host are forgotten: a bad line is slow, a bad server gets nowhere. */
const progressBytes = 1 << 20;

/** Reads a blob to its end over as many requests and hosts as it takes; each goes on where the last one broke off. */
export class BlobTransfer implements BlobStream {
  readonly #request: FetchRequest;
  readonly #descriptor: Pick<Descriptor, "digest" | "size">;
  readonly #hash: Hash | undefined;
  readonly #failures: HostFailures;
  readonly #contributors = new Set<string>();
  #hostsAsked = 0;
  #host: BlobHost | undefined;
  #range: OpenRange | undefined;
  #source: string;
  #offset: number;
  /** Where the next chunk for the caller begins. */
  #position: number;
  /** Bytes to leave out, since the host sends them again. */
  #skip = 0;
  /** Bytes since the last failure. */
  #progress = 0;
  #isOver = false;

  /** `offset` 0 to `size`; `verify` only with offset 0. Nothing is asked before `open`. */
  constructor(
    request: FetchRequest,
    descriptor: Pick<Descriptor, "digest" | "size">,
    options: { readonly offset: number; readonly verify: boolean },
  ) {
    this.#request = request;
    this.#descriptor = descriptor;
    this.#offset = options.offset;
    this.#position = options.offset;
    this.#hash = options.verify ? createHash(digestAlgorithm(descriptor.digest)) : undefined;
    this.#failures = new HostFailures(request.doing);
    this.#source = request.endpoints[0]?.host ?? "";
  }

  get source(): string {
    return this.#source;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Settles when the first host answers with the blob. */
  async open(): Promise<void> {
    const { size } = this.#descriptor;
    if (this.#position === size && size > 0) {
      this.#isOver = true;
      return;
    }
    await this.#connect().catch((reason: unknown) => this.#end(reason));
    if (this.#range?.first !== 0) return;
    this.#offset = 0;
    this.#position = 0;
    this.#skip = 0;
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return {
      next: async () => {
        const value = await this.#next();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      return: async () => {
        this.#leave();
        return { done: true, value: undefined };
      },
    };
  }

  #leave(): void {
    this.#isOver = true;
    this.#range?.body.destroy();
    this.#range = undefined;
  }

  async #next(): Promise<Buffer | undefined> {
    try {
      while (!this.#isOver) {
        if (this.#range === undefined) await this.#connect();
        const chunk = await this.#read();
        if (chunk !== undefined) return chunk;
      }
      return undefined;
    } catch (reason) {
      return this.#end(reason);
    }
  }

  #end(reason: unknown): never {
    this.#leave();
    const { signal, doing } = this.#request;
    throw signal.aborted ? cancelled(signal, doing) : reason;
  }

  /** One chunk from the open range; undefined when there is none, and the range is over or broken. */
  async #read(): Promise<Buffer | undefined> {
    const { size } = this.#descriptor;
    let chunk: Buffer | undefined;
    try {
      chunk = await this.#range?.body.next();
    } catch (reason) {
      this.#range = undefined;
      // All bytes are there; that the answer did not end properly changes nothing.
      if (this.#position === size && !this.#request.signal.aborted) this.#finish();
      else await this.#failed(reason);
      return undefined;
    }
    if (chunk === undefined) {
      await this.#rangeEnded();
      return undefined;
    }
    const fresh = this.#withoutSkipped(chunk);
    if (this.#position + fresh.length > size) throw this.#wrong(`the blob has more than the ${size} bytes expected`);
    if (fresh.length === 0) return undefined;
    this.#position += fresh.length;
    this.#hash?.update(fresh);
    this.#contributors.add(this.#source);
    this.#progress += fresh.length;
    if (this.#progress >= progressBytes) this.#host?.tries.reset();
    return fresh;
  }

  #withoutSkipped(chunk: Buffer): Buffer {
    const skipped = Math.min(this.#skip, chunk.length);
    this.#skip -= skipped;
    return skipped === 0 ? chunk : chunk.subarray(skipped);
  }

  async #rangeEnded(): Promise<void> {
    const end = this.#range?.end;
    this.#range = undefined;
    if (this.#position === this.#descriptor.size) {
      this.#finish();
      return;
    }
    // Some servers give long ranges in parts.
    if (this.#position === end && this.#skip === 0 && this.#progress > 0) return;
    const why = `the blob ended after ${this.#position} of ${this.#descriptor.size} bytes`;
    await this.#failed(new RequestFailure(Code.DataLoss, why, { retry: true }));
  }

  #finish(): void {
    this.#isOver = true;
    if (this.#hash === undefined) return;
    const { digest } = this.#descriptor;
    const found = `${digestAlgorithm(digest)}:${this.#hash.digest("hex")}`;
    if (found !== digest) throw this.#wrong(`the blob hashes to ${found}, expected ${digest}`);
  }

  #wrong(why: string): StatusError {
    const hosts = [...this.#contributors].join(" and ") || this.#source;
    return new StatusError(Code.DataLoss, `${this.#request.doing}: ${hosts}: ${why}`);
  }

  /** Opens a range at the position, on the present host as long as it has tries left, then on the next ones. */
  async #connect(): Promise<void> {
    for (;;) {
      this.#host ??= await this.#nextHost();
      try {
        const range = await openRange(this.#request, this.#host, this.#descriptor, this.#position);
        this.#range = range;
        this.#skip = this.#position - range.first;
        this.#source = this.#host.endpoint.host;
        return;
      } catch (reason) {
        await this.#failed(reason);
      }
    }
  }

  async #nextHost(): Promise<BlobHost> {
    const { endpoints, transport, doing, signal } = this.#request;
    for (;;) {
      const endpoint = endpoints[this.#hostsAsked++];
      if (endpoint === undefined) throw this.#failures.error();
      try {
        const credentials = await findCredentials(this.#request, endpoint);
        const tries = new Tries(transport.settings, endpoint.host, doing, signal);
        return { endpoint, credentials, tries, givesNoRanges: false };
      } catch (reason) {
        this.#failures.add(endpoint.host, reason);
      }
    }
  }

  /** Waits for the next try, or gives the host up. Throws when the signal is aborted. */
  async #failed(reason: unknown): Promise<void> {
    const { signal } = this.#request;
    const host = this.#host;
    this.#progress = 0;
    try {
      await host?.tries.again(reason);
    } catch (final) {
      if (signal.aborted) throw cancelled(signal);
      if (host !== undefined) this.#failures.add(host.endpoint.host, final);
      this.#host = undefined;
    }
  }
}
