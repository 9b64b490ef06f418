// Which parts of a module its writer did not write: packages in a bundle, or all of it where it was made small.

/** As esbuild heads each file of a bundle, and webpack those that it puts together. */
const HEAD = /^;?\/\/ (?:CONCATENATED MODULE: )?(\S+\.[cm]?[jt]sx?)$/gm;
const OF_BUNDLERS = /__webpack_(require|exports|modules)__|__commonJS\b/;
const LONGEST_LINE = 500;

/** Tells of a place in the text whether it is in such a part. */
export function foreignParts(text: string): (at: number) => boolean {
  if (OF_BUNDLERS.test(text)) return () => true;
  if (text.split('\n').some((line) => line.length > LONGEST_LINE)) return () => true;
  const heads = [...text.matchAll(HEAD)].map(({ index, 1: file = '' }) => ({ index, file }));
  return (at) => {
    // The first head behind the place: the part before it is the place's own.
    let [from, to] = [0, heads.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (heads[middle]!.index <= at) from = middle + 1;
      else to = middle;
    }
    return heads[from - 1]?.file.includes('node_modules/') ?? false;
  };
}
