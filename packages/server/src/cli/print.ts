// What commands print: tables for people, JSON for programs.
import { visible, visibleJson } from './visible.ts';

export function printJson(value: unknown): void {
  process.stdout.write(`${visibleJson(JSON.stringify(value, null, 2))}\n`);
}

export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A value by itself: a text as it is, but on a terminal, which it must not steer. */
export function printValue(value: unknown): void {
  if (typeof value !== 'string') printLine(visibleJson(JSON.stringify(value)));
  else printLine(process.stdout.isTTY ? visible(value, '\n\t') : value);
}

/** Columns padded to their widest cell; nothing but a header where there are no rows. */
export function printTable(header: readonly string[], texts: readonly (readonly string[])[]): void {
  const rows = texts.map((row) => row.map((cell) => visible(cell)));
  const widths = header.map((title, at) => Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)));
  for (const row of [header, ...rows]) {
    printLine(
      row
        .map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at]!)))
        .join('  ')
        .trimEnd(),
    );
  }
}
