import { pause } from "./eventually.ts";
import { type HostListing, hostListing } from "./host-listing.ts";
import { lanesDir, type Lane } from "./lane.ts";

/** Whose a line of a listing is, as far as the line itself says. */
export type Owner = "own" | "foreign" | "unknown";

/** Milliseconds that something may take to go that names nobody, such as a link that is just being made for another test. */
const settleMs = 30_000;

/** What a node under test is recognised by. */
export interface Marks {
  readonly lane: Lane;
  /** The ending of its sandbox ids; undefined when it never came to have one. */
  readonly instance: string | undefined;
}

/** Says whose a line is: other tests that run at the same time are known by their lane or their ids. */
export function ownerOf(line: string, { lane, instance }: Marks): Owner {
  const numbers = line.matchAll(new RegExp(`${lanesDir}/(\\d+)|\\bcribt(\\d+)\\b|\\b10\\.200\\.(\\d+)\\.`, "g"));
  const lanes = new Set([...numbers].map((match) => Number(match[1] ?? match[2] ?? match[3])));
  if (lanes.has(lane.number)) return "own";
  const ids = [...line.matchAll(/\b[0-9a-f]{64}\b/g)].map(([id]) => id);
  if (instance !== undefined && ids.some((id) => id.endsWith(instance))) return "own";
  // A node's networks have no other bridge than its own.
  const isOfOtherBridge = / in (?!cribt)\S+$/.test(line);
  return lanes.size > 0 || ids.length > 0 || isOfOtherBridge ? "foreign" : "unknown";
}

/** The lines of a listing that are about this node, each after the name of its section. */
export function ownLines({ sections }: HostListing, marks: Marks): readonly string[] {
  return [...sections].flatMap(([section, lines]) =>
    [...lines].filter((line) => ownerOf(line, marks) === "own").map((line) => `${section}: ${line}`),
  );
}

/**
 * What is on the host now and was not before (`+`), and what is gone (`-`), without what is plainly another test's.
 * Looks again for a while, since others may be at work. What names nobody counts when it is new, and with CI=true also
 * when it is gone; with CRIB_TESTS_SHARED_HOST set, for machines on which people do other things meanwhile, never, nor with
 * CRIB_TESTS_SIDE_BY_SIDE, which the runner sets where it compares the whole host before and after all tests itself.
 */
export async function whatChanged(before: HostListing, marks: Marks): Promise<readonly string[]> {
  const end = performance.now() + settleMs;
  const sharedHost = Boolean(process.env["CRIB_TESTS_SHARED_HOST"] ?? process.env["CRIB_TESTS_SIDE_BY_SIDE"]);
  const isAlone = process.env["CI"] === "true";
  for (;;) {
    const changes = diff(before, await hostListing()).filter(({ sign, section, line }) => {
      const owner = ownerOf(line, marks);
      // What an ended test left on this lane may go.
      if (owner === "own") return sign === "+";
      // What is gone may be what others have ended; sockets of the host's own services come and go.
      return owner === "unknown" && !sharedHost && section !== "socket" && (sign === "+" || isAlone);
    });
    if (changes.length === 0 || performance.now() > end)
      return changes.map(({ sign, section, line }) => `${sign} ${section}: ${line}`);
    await pause(250);
  }
}

/** What is on the host now and was not before, whoever it belongs to; looks again for a while. Sockets of services come and go. */
export async function whatIsNew(before: HostListing): Promise<readonly string[]> {
  const end = performance.now() + settleMs;
  for (;;) {
    const added = diff(before, await hostListing()).filter(({ sign, section }) => sign === "+" && section !== "socket");
    if (added.length === 0 || performance.now() > end) return added.map(({ section, line }) => `${section}: ${line}`);
    await pause(250);
  }
}

interface Change {
  readonly sign: "+" | "-";
  readonly section: string;
  readonly line: string;
}

function diff(before: HostListing, after: HostListing): readonly Change[] {
  return [...after.sections].flatMap(([section, now]) => {
    const then = before.sections.get(section) ?? new Set<string>();
    return [
      ...[...now.difference(then)].map((line): Change => ({ sign: "+", section, line })),
      ...[...then.difference(now)].map((line): Change => ({ sign: "-", section, line })),
    ];
  });
}
