import { equal } from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { allowedOomScoreAdj } from "./oom-score.ts";

test("without CAP_SYS_RESOURCE nobody goes below their own score", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-oom-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const own = async (capEff: string, score: number): Promise<number> => {
    await writeFile(join(dir, "status"), `Name:\tx\nCapEff:\t${capEff}\n`);
    await writeFile(join(dir, "oom_score_adj"), `${score}\n`);
    return await allowedOomScoreAdj(-998, dir);
  };
  equal(await own("000001ffffffffff", 0), -998);
  equal(await own("000001fffeffffff", 0), 0);
  equal(await own("000001fffeffffff", -999), -998);
  equal(await own("0000000000000000", 100), 100);
});
