import { whatIsNew } from "../../tests/support/compare-listings.ts";
import { hostListing } from "../../tests/support/host-listing.ts";
import type { Result } from "./result.ts";

/**
 * Runs tests that go side by side, so that each of them can only look after what bears its name, and looks after the rest for all of
 * them: the host must be after them as it was before. Not with CRIB_TESTS_SHARED_HOST, where others are at work.
 */
export async function withHostUnchanged(
  origin: string,
  run: () => Promise<readonly Result[]>,
): Promise<readonly Result[]> {
  if (process.env["CRIB_TESTS_SHARED_HOST"]) return run();
  const name = "the host is as it was before";
  const before = await hostListing();
  process.env["CRIB_TESTS_SIDE_BY_SIDE"] = "1";
  try {
    const results = await run();
    const found = await whatIsNew(before);
    for (const line of found) console.log(`left on the host: ${line}`);
    return [...results, { name, origin, state: found.length === 0 ? "passed" : "failed" }];
  } finally {
    delete process.env["CRIB_TESTS_SIDE_BY_SIDE"];
  }
}
