const wordCount = 4_096;

/** A stream of numbers of 32 bits that looks random and depends on the seed only (xorshift). */
export function makeRandom(seed: number): () => number {
  let state = (Math.imul(seed, 0x9e37_79b1) ^ 0x5bd1_e995) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>>= 0);
  };
}

/** Words of 2 to 17 bytes, some of them runs of zeros; the same for all files, so that layers resemble each other. */
const words: readonly Uint8Array[] = makeWords();

function makeWords(): readonly Uint8Array[] {
  const random = makeRandom(7);
  return Array.from({ length: wordCount }, (_, index) => {
    const word = new Uint8Array(2 + (random() & 15));
    if (index % 64 !== 0) for (let at = 0; at < word.length; at++) word[at] = random() & random() & 255;
    return word;
  });
}

/**
 * Writes content that gzip makes some 0.4 of, at about the speed that it inflates programs and libraries with: words, the
 * common ones more often, and noise between them.
 */
export function fill(target: Uint8Array, random: () => number): void {
  let at = 0;
  while (at < target.length) {
    const draw = random();
    if ((draw & 15) < 3) {
      for (let left = 1 + ((draw >>> 3) & 7); left > 0 && at < target.length; left--) target[at++] = random();
    } else {
      const word = words[(draw >>> 8) & (draw >>> 20) & (wordCount - 1)] as Uint8Array;
      const length = Math.min(word.length, target.length - at);
      for (let index = 0; index < length; index++) target[at++] = word[index] as number;
    }
  }
}
