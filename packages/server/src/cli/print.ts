// What commands print: tables for people, JSON for programs.
import { hasColours, painted, statusPainted } from './colour.ts';
import { columnsOf, cutTo, padTo } from './columns.ts';
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

/** To people only: what is said beside a table must not get into a pipe. */
export function printMore({ next_cursor: next }: { next_cursor: string }): void {
  if (next !== '') process.stderr.write('There may be more: raise --limit, or narrow the list.\n');
}

/** A text of the user's must not make a table as wide as it is long. Columns. */
const WIDEST_CELL = 64;

function cell(text: string): string {
  const shown = visible(text);
  return columnsOf(shown) > WIDEST_CELL ? `${cutTo(shown, WIDEST_CELL - 1)}…` : shown;
}

/** Columns padded to their widest cell; nothing but a header where there are no rows. Only the last may be long. */
export function printTable(header: readonly string[], texts: readonly (readonly string[])[]): void {
  for (const line of tableLines(header, texts, hasColours(process.stdout))) printLine(line);
}

export function tableLines(
  header: readonly string[],
  texts: readonly (readonly string[])[],
  coloured: boolean,
): string[] {
  const rows = texts.map((row) => row.map((text, at) => (at === row.length - 1 ? visible(text) : cell(text))));
  const widths = header.map((title, at) => Math.max(title.length, ...rows.map((row) => columnsOf(row[at] ?? ''))));
  const padded = (row: readonly string[]): string[] =>
    row.map((text, at) => (at === row.length - 1 ? text : padTo(text, widths[at]!)));
  const title = padded(header).join('  ').trimEnd();
  return [
    coloured ? painted(title, 'bold') : title,
    ...rows.map((row) => {
      const cells = padded(row);
      // What users wrote is never taken for a word of ours: that stands in the columns of this name.
      const shown = cells.map((text, at) =>
        coloured && /^STAT(E|US)$/.test(header[at]!) ? statusPainted(text) : text,
      );
      return shown.join('  ').trimEnd();
    }),
  ];
}
