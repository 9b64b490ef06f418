// A Redis' address, for people's eyes and for logs.

export function withoutPassword(url: string): string {
  return url.replace(/\/\/.*@/, '//');
}
