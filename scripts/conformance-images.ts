/**
 * Pushes stand-ins for all images that critest pulls to a registry, for running critest by hand:
 *
 *     scripts/conformance-tools
 *     node scripts/conformance-images.ts http://127.0.0.1:5000
 *
 * A runtime whose mirrors all point there (`_default/hosts.toml`) then needs no other registry. scripts/test does this by itself.
 */
import { pushCritestImages } from "../tests/conformance/images/push-critest-images.ts";

const [url] = process.argv.slice(2);
if (url === undefined) {
  console.error("usage: node scripts/conformance-images.ts URL-OF-A-REGISTRY");
  process.exitCode = 2;
} else {
  const { names, digestOfDigestImage } = await pushCritestImages({ url });
  for (const name of names) console.log(name);
  console.log(
    `critest names the digest of test-image-digest as a constant; tests/conformance puts ${digestOfDigestImage} there`,
  );
}
