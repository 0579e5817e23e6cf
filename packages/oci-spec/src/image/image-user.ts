import type { ImageUser } from "./types.ts";

/** Largest uid that an image may ask for; tools of the field read uids as signed 32-bit numbers. */
const uidLimit = 2_147_483_647;

/**
 * Reads an image's `USER` as the CRI reports it: nothing for an empty one, a uid for a number, else the name; what follows
 * a colon is the group and left out. A number is `0` or decimal digits without a leading zero, at most 2,147,483,647. All
 * that only looks like one (`4294967296`, `0x0`, `1e3`, `-1`, `007`, `65536junk`) is given as a name, never as a uid
 * (CVE-2024-40635), and whoever looks names up must refuse those that begin with a digit or a sign. Never fails.
 */
export function parseImageUser(user: string): ImageUser {
  const colon = user.indexOf(":");
  const name = colon === -1 ? user : user.slice(0, colon);
  if (name === "") return {};
  const isUid = /^(?:0|[1-9][0-9]{0,9})$/.test(name) && Number(name) <= uidLimit;
  return isUid ? { uid: BigInt(name) } : { username: name };
}
