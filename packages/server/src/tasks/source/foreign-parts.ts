// Which parts of a module its writer did not write: packages in a bundle, or all of it where it was made small.

/** As esbuild heads each file of a bundle, and Rollup and webpack do in their ways where they do. */
const HEAD = /^\/\/ (\S+\.[cm]?[jt]sx?)$/gm;
const LONGEST_LINE = 500;

/** Tells of a place in the text whether it is in such a part. */
export function foreignParts(text: string): (at: number) => boolean {
  if (/__webpack_require__|__commonJS\b/.test(text)) return () => true;
  if (text.split('\n').some((line) => line.length > LONGEST_LINE)) return () => true;
  const heads = [...text.matchAll(HEAD)].map(({ index, 1: file = '' }) => ({ index, file }));
  return (at) => heads.findLast(({ index }) => index <= at)?.file.includes('node_modules/') ?? false;
}
