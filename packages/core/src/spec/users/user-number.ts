/** Largest id that tools of the field read as a positive number. */
const limit = 2_147_483_647;

/** The id that a text is in plain decimal digits; undefined for all that only looks like a number (CVE-2024-40635). */
export function userNumber(text: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,9})$/.test(text)) return undefined;
  const number = Number(text);
  return number <= limit ? number : undefined;
}

/** Whether a text could be taken for a number by somebody: such a one is never looked up as a name. */
export function isNumberLike(text: string): boolean {
  return /^[0-9+-]/.test(text);
}
