import { STATUS_CODES } from "node:http";

import * as z from "zod";

import { readStart } from "../http/read-body.ts";
import type { Answer } from "../http/send.ts";
import { showText } from "./show-text.ts";

const limitBytes = 8 << 10;

/** The distribution specification's "Error Codes", and what token servers answer. */
const errorDocument = z.object({
  errors: z.array(z.object({ code: z.string().optional(), message: z.string().optional() })).optional(),
  error: z.string().optional(),
  error_description: z.string().optional(),
  details: z.string().optional(),
});

/**
 * What an answer that is an error says, such as `404 not found: manifest unknown`. Reads at most 8 KiB and ends the answer. Never
 * fails but by the signal: a body that breaks is left out.
 */
export async function errorText(answer: Answer, secrets: readonly string[], signal: AbortSignal): Promise<string> {
  const status = `${answer.status} ${(STATUS_CODES[answer.status] ?? "").toLowerCase()}`.trim();
  let text = "";
  try {
    text = (await readStart(answer.body, limitBytes)).bytes.toString();
  } catch (reason) {
    // The status says enough; what the server wanted to add is lost.
    if (signal.aborted) throw reason;
  }
  const said = showText(messageOf(text), secrets);
  return said === "" ? status : `${status}: ${said}`;
}

function messageOf(text: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Pages of proxies say nothing in their first lines but markup.
    return text.trimStart().startsWith("<") ? "" : text;
  }
  const { data } = errorDocument.safeParse(parsed);
  if (data === undefined) return "";
  const each = (data.errors ?? []).map(({ code, message }) =>
    [code?.toLowerCase(), message].filter(Boolean).join(": "),
  );
  return [...each, data.error, data.error_description, data.details].filter(Boolean).join("; ");
}
