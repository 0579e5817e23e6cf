/** What the guest tells the host, one JSON text on a line. Lines of any other form are only kept in the log. */
export type Message =
  /** The story has begun; `boot` counts from 1. */
  | { readonly kind: "hello"; readonly boot: number }
  /** Something to show, such as what chapter begins. */
  | { readonly kind: "say"; readonly text: string }
  /** Only a sign of life. */
  | { readonly kind: "alive" }
  | {
      readonly kind: "result";
      readonly name: string;
      readonly state: "passed" | "failed" | "skipped";
      readonly seconds: number;
      /** Why it failed or was skipped. */
      readonly message: string;
    }
  /** The guest waits to be reset without warning. */
  | { readonly kind: "reset" }
  /** There is no more to come. */
  | { readonly kind: "done" };

/** Milliseconds between two signs of life. */
export const aliveMs = 10_000;
