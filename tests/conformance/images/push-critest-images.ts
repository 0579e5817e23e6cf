import { pushImage, type PushTarget } from "../../support/images/push-image.ts";
import { byDigest, critestImages } from "./critest-images.ts";

/** What a registry has now. */
export interface PushedImages {
  /** `repository:tag digest`, one for each tag. */
  readonly names: readonly string[];
  /** The digest of ours that stands for the one that critest names. */
  readonly digestOfDigestImage: string;
}

/** Pushes stand-ins for all images of critest to a registry; what is there already is not sent again. */
export async function pushCritestImages(target: PushTarget): Promise<PushedImages> {
  const names: string[] = [];
  let digestOfDigestImage = "";
  for (const { repository, tags, image } of critestImages()) {
    await pushImage(target, repository, tags, image);
    names.push(...tags.map((tag) => `${repository}:${tag} ${image.top.digest}`));
    if (repository === byDigest.repository) digestOfDigestImage = image.top.digest;
  }
  return { names, digestOfDigestImage };
}
