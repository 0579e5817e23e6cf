/**
 * Sets the mask of permission bits that no file made by this process gets, and gives the former one. It is the whole
 * process', children included, so it is set once at start; worker threads cannot set it.
 */
export function setUmask(mask: number): number {
  return process.umask(mask);
}
