import type { EndpointOptions } from "../../endpoint.ts";

/** The flags of commands that print a list. */
export interface ListOptions extends EndpointOptions {
  readonly format: "table" | "json";
  readonly quiet?: true;
}
