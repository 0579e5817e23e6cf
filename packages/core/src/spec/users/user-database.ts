import { userNumber } from "./user-number.ts";

/** A line of /etc/passwd (passwd(5)). */
export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** A line of /etc/group (group(5)). */
export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** The first line of a passwd file that matches. Lines whose ids are no plain numbers are none: they must not become 0. */
export function findPasswd(text: string, matches: (entry: PasswdEntry) => boolean): PasswdEntry | undefined {
  for (const [name = "", , uidText = "", gidText = ""] of rows(text, 5)) {
    const uid = userNumber(uidText);
    const gid = userNumber(gidText);
    if (name === "" || uid === undefined || gid === undefined) continue;
    const entry = { name, uid, gid };
    if (matches(entry)) return entry;
  }
  return undefined;
}

/** The lines of a group file, lazily, without those whose id is no plain number. */
export function* groupEntries(text: string): Generator<GroupEntry> {
  for (const [name = "", , gidText = "", members = ""] of rows(text, 5)) {
    const gid = userNumber(gidText);
    if (name === "" || gid === undefined) continue;
    yield { name, gid, members: members === "" ? [] : members.split(",") };
  }
}

/** The first fields of each line that is no comment. Linear, whatever the length of lines. */
function* rows(text: string, fields: number): Generator<readonly string[]> {
  for (let start = 0; start < text.length;) {
    const end = text.indexOf("\n", start);
    const line = text.slice(start, end === -1 ? text.length : end).trim();
    start = end === -1 ? text.length : end + 1;
    if (line !== "" && !line.startsWith("#")) yield line.split(":", fields);
  }
}
