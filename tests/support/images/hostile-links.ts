import type { Canary } from "./canary.ts";
import type { TarEntry } from "./tar-archive.ts";

/** A layer that tries to get out of its root by links. */
export interface HostileLayer {
  readonly name: string;
  readonly entries: readonly TarEntry[];
}

const directory = (name: string, mode = 0o755): TarEntry => ({ name, type: "directory", mode });
const symlink = (name: string, linkname: string): TarEntry => ({ name, type: "symlink", linkname });
const hardLink = (name: string, linkname: string): TarEntry => ({ name, type: "link", linkname });

/** More steps up than any store is deep. */
const up = "../".repeat(24);

/**
 * Every way to a place of the host (absolute, by steps up, over other links, by a directory that was a link) with everything that
 * an entry behind it can do (CVE-2026-17106, CVE-2021-32760, CVE-2026-23745, CVE-2021-32803).
 */
export function hostileLinks(canary: Canary): readonly HostileLayer[] {
  return ways(canary).flatMap(({ name, entries, dir }) =>
    deeds(dir).map((deed) => ({ name: `${name}, ${deed.name}`, entries: [...entries, ...deed.entries] })),
  );
}

/** How `dir`, a name inside the layer, comes to lead to the canary's directory. */
interface Way extends HostileLayer {
  readonly dir: string;
}

function ways({ dir, subdir }: Canary): readonly Way[] {
  const name = subdir.slice(dir.length + 1);
  return [
    { name: "absolute link", entries: [symlink("a", subdir)], dir: "a" },
    { name: "steps up", entries: [directory("x"), symlink("x/a", `${up}${subdir}`)], dir: "x/a" },
    { name: "names with steps up", entries: [], dir: `x/${up}${subdir}` },
    { name: "absolute names", entries: [], dir: subdir },
    { name: "link to a link", entries: [symlink("b", dir), symlink("a", `b/${name}`)], dir: "a" },
    { name: "a link in the middle", entries: [symlink("b", dir)], dir: `b/${name}` },
    { name: "hard link to a link", entries: [symlink("b", subdir), hardLink("a", "b")], dir: "a" },
    {
      name: "directory, then link",
      entries: [directory("a"), { name: "a/f", content: "x" }, symlink("a", subdir)],
      dir: "a",
    },
    { name: "link, then directory", entries: [symlink("a", subdir), directory("a", 0o777)], dir: "a" },
    {
      name: "links up and through each other",
      entries: [directory("c"), symlink("c/up", "../.."), symlink("escape", `c/up/${up}${subdir}`)],
      dir: "escape",
    },
    { name: "link to the root of all", entries: [symlink("a", "/")], dir: `a${subdir}` },
    { name: "a link of /proc", entries: [symlink("a", `/proc/self/root${subdir}`)], dir: "a" },
  ];
}

function deeds(dir: string): readonly HostileLayer[] {
  const victim = `${dir}/victim`;
  return [
    { name: "writes a file", entries: [{ name: victim, content: "harmed", mode: 0o4777 }] },
    { name: "makes a file", entries: [{ name: `${dir}/new`, content: "harmed" }] },
    { name: "makes a directory", entries: [directory(`${dir}/newdir`, 0o777)] },
    { name: "changes the directory", entries: [{ ...directory(dir, 0o777), uid: 99, mtime: 5 }] },
    { name: "replaces the place by a file", entries: [{ name: dir, mode: 0o4777, content: "x" }] },
    { name: "links a file to itself", entries: [hardLink("stolen", victim), { name: "stolen", content: "harmed" }] },
    { name: "links over a file", entries: [{ name: "mine", content: "harmed" }, hardLink(victim, "mine")] },
    { name: "puts a link there", entries: [symlink(`${dir}/link2`, "victim")] },
    { name: "puts a device there", entries: [{ name: `${dir}/null`, type: "character", major: 1, minor: 3 }] },
    { name: "deletes a file", entries: [{ name: `${dir}/.wh.victim` }] },
    { name: "deletes all files", entries: [{ name: `${dir}/.wh..wh..opq` }] },
    { name: "sets attributes", entries: [{ name: victim, xattrs: { "user.harmed": "yes" } }] },
  ];
}
