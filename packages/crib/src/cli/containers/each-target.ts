import type { CriClient } from "@crib/cri-client";

import { ExitCode } from "../exit-code.ts";
import { failureLine } from "../failure-line.ts";
import { chooseTarget, type Inventory, listInventory, type Target } from "./find-container.ts";

/**
 * Does something with each pod or container that is named, one after another, and prints the word when it is done. One that fails does
 * not keep the others; the exit code is 1 then. All words are understood before anything is done.
 */
export async function eachTarget(
  client: CriClient,
  words: readonly string[],
  work: (target: Target, inventory: Inventory) => Promise<void>,
): Promise<void> {
  const inventory = await listInventory(client);
  const targets = words.map((word) => understand(inventory, word));
  for (const found of targets) {
    try {
      if (found.kind === "wrong") throw found.reason;
      await work(found.target, inventory);
      console.log(found.word);
    } catch (reason) {
      console.error(failureLine(reason));
      process.exitCode = ExitCode.failed;
    }
  }
}

type Understood =
  | { readonly kind: "target"; readonly word: string; readonly target: Target }
  | { readonly kind: "wrong"; readonly word: string; readonly reason: unknown };

function understand(inventory: Inventory, word: string): Understood {
  try {
    return { kind: "target", word, target: chooseTarget(inventory, word) };
  } catch (reason) {
    return { kind: "wrong", word, reason };
  }
}
