export type { Image, ImageRecord, Images, PullEvent, PullRequest } from "./types.ts";
