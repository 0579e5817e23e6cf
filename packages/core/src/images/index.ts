export type {
  BlobVerdict,
  Collected,
  Image,
  ImageAdmin,
  ImageRecord,
  Images,
  PullEvent,
  PullRequest,
} from "./types.ts";
