import type { IncomingHttpHeaders } from "node:http";

/** One request as it came in. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly kind: "ping" | "manifest" | "blob" | "token" | "other";
  /** Name within the registry; empty where there is none. */
  readonly repository: string;
  /** Tag or digest; empty where there is none. */
  readonly reference: string;
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** First byte asked for; 0 where no range was. */
  readonly offset: number;
  /** How many requests with this method and path came in, this one counted. */
  readonly nth: number;
}

/** What is answered instead of the truth. Bytes are of the body. */
export type Answer =
  /** An answer of its own. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Buffer;
    }
  /** The right head, so many bytes of the right body, then a reset of the connection. */
  | { readonly kind: "reset"; readonly afterBytes: number }
  /** The same, but the connection is ended in good order. */
  | { readonly kind: "close"; readonly afterBytes: number }
  /** The same, and then nothing more, with the connection open. */
  | { readonly kind: "stall"; readonly afterBytes: number }
  /** Nothing at all, not even a head. */
  | { readonly kind: "silence" }
  /** The right answer, so slowly. */
  | { readonly kind: "slow"; readonly bytesPerSecond: number }
  /** The right answer, so late. */
  | { readonly kind: "late"; readonly ms: number }
  /** Another body with the head of the right one; what it says of the length is true of this body. */
  | {
      readonly kind: "body";
      readonly body: Buffer;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** The whole body although a part was asked for. */
  | { readonly kind: "whole" }
  | { readonly kind: "redirect"; readonly to: string; readonly status?: number }
  /** So many bytes that are made as they are sent, announced or not. */
  | {
      readonly kind: "endless";
      readonly bytes: number;
      readonly announced: boolean;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Bytes that are no HTTP, then the end. */
  | { readonly kind: "raw"; readonly bytes: string };

/** Says what to answer to a request; undefined is the truth. */
export type Script = (request: SeenRequest) => Answer | undefined;
