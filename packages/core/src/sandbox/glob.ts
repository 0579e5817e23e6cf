/** Whether a text matches a glob in which `*` stands for any run of characters and `?` for one. Linear in the text. */
export function matchesGlob(text: string, glob: string): boolean {
  let at = 0;
  let from = 0;
  let star = -1;
  let mark = 0;
  while (at < text.length) {
    if (from < glob.length && (glob[from] === "?" || glob[from] === text[at]) && glob[from] !== "*") {
      at++;
      from++;
    } else if (glob[from] === "*") {
      star = from++;
      mark = at;
    } else if (star >= 0) {
      from = star + 1;
      at = ++mark;
    } else {
      return false;
    }
  }
  while (glob[from] === "*") from++;
  return from === glob.length;
}
