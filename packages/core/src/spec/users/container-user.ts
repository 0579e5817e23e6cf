import { Code, StatusError } from "@crib/errdefs";

import type { ContainerSecurity, ContainerUser } from "../../containers/types.ts";
import { readUserFile } from "./read-user-file.ts";
import { findPasswd, groupEntries, type PasswdEntry } from "./user-database.ts";
import { isNumberLike, userNumber } from "./user-number.ts";

/** NGROUPS_MAX of the kernel. */
const maxGroups = 65_536;

/** Whom a request asks to run as. */
export type UserRequest = Pick<
  ContainerSecurity,
  "runAsUser" | "runAsGroup" | "runAsUsername" | "supplementalGroups" | "supplementalGroupsPolicy"
>;

/**
 * Whom a container's process runs as: the request's user and group, else those of the image (`user`, `user:group`), else root,
 * looked up in /etc/passwd and /etc/group of its root file system. A user without an entry has group 0. Supplemental groups are the
 * listed ones and the primary group, with the policy Merge also those of /etc/group that name the user.
 *
 * InvalidArgument for a group without a user, a name that is not there, an id that is out of range or only looks like a number
 * (`0x0`, `1e3`, `-1`, `65536junk`: they are refused even where /etc/passwd has them), and for files that are none.
 */
export async function containerUser(request: UserRequest, imageUser: string, rootfs: string): Promise<ContainerUser> {
  const wanted = wantedUser(request, imageUser);
  const [passwd, group] = await Promise.all([readUserFile(rootfs, "/etc/passwd"), readUserFile(rootfs, "/etc/group")]);
  const { uid, gid, name } = resolve(wanted, passwd, group);
  const listed = request.supplementalGroups.map((id) => checkedNumber(`${id}`, "supplemental group"));
  const merged = request.supplementalGroupsPolicy === "merge" && name !== undefined ? groupsOf(name, group) : [];
  const additionalGids = [...new Set([gid, ...merged, ...listed])];
  if (additionalGids.length > maxGroups) {
    throw new StatusError(
      Code.InvalidArgument,
      `resolving the user: ${additionalGids.length} groups, the kernel takes ${maxGroups}`,
    );
  }
  return { uid, gid, additionalGids };
}

interface WantedUser {
  readonly user: string;
  /** Empty: the user's own. */
  readonly group: string;
}

function wantedUser(request: UserRequest, imageUser: string): WantedUser {
  const { runAsUser, runAsGroup, runAsUsername = "" } = request;
  const group = runAsGroup === undefined ? "" : `${runAsGroup}`;
  const user = runAsUsername !== "" ? runAsUsername : runAsUser === undefined ? "" : `${runAsUser}`;
  if (user !== "") return { user, group };
  if (group !== "") {
    throw new StatusError(Code.InvalidArgument, `resolving the user: group "${group}" is given without a user`);
  }
  const colon = imageUser.indexOf(":");
  if (colon === -1) return { user: imageUser, group: "" };
  return { user: imageUser.slice(0, colon), group: imageUser.slice(colon + 1) };
}

interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Absent when /etc/passwd does not know the number. */
  readonly name?: string;
}

function resolve(wanted: WantedUser, passwd: string, group: string): ResolvedUser {
  const { user } = wanted;
  const uid = user === "" ? 0 : idOf(user, "user");
  const entry = findPasswd(passwd, uid === undefined ? (each) => each.name === user : (each) => each.uid === uid);
  if (entry === undefined && uid === undefined) throw missing("user", user, "/etc/passwd");
  // Nobody asked for a user: the process is root with root's group, whatever the image's files say of uid 0.
  const own = user === "" ? 0 : (entry?.gid ?? 0);
  const gid = wanted.group === "" ? own : groupId(wanted.group, group);
  return { uid: uid ?? (entry as PasswdEntry).uid, gid, ...(entry === undefined ? {} : { name: entry.name }) };
}

function groupId(wanted: string, group: string): number {
  const gid = idOf(wanted, "group");
  if (gid !== undefined) return gid;
  for (const entry of groupEntries(group)) if (entry.name === wanted) return entry.gid;
  throw missing("group", wanted, "/etc/group");
}

function groupsOf(name: string, group: string): readonly number[] {
  const gids: number[] = [];
  for (const entry of groupEntries(group)) if (entry.members.includes(name)) gids.push(entry.gid);
  return gids;
}

/** The number that a text is, undefined for a name. */
function idOf(text: string, what: string): number | undefined {
  return isNumberLike(text) ? checkedNumber(text, what) : undefined;
}

function checkedNumber(text: string, what: string): number {
  const number = userNumber(text);
  if (number !== undefined) return number;
  throw new StatusError(Code.InvalidArgument, `resolving the user: ${what} ${quoted(text)} is no id`);
}

function missing(what: string, name: string, file: string): StatusError {
  return new StatusError(
    Code.InvalidArgument,
    `resolving the user: no ${what} ${quoted(name)} in ${file} of the image`,
  );
}

/** Short: the text is the image's. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
