// What texts take on a terminal: as Unicode says it, and as tables keep to it.
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import type { Task } from '@mpcsfaas/contract';
import { columnsOf, cutTo, padTo } from '../../src/cli/columns.ts';
import { frameOf, type Sample } from '../../src/cli/dashboard.ts';
import { tableLines } from '../../src/cli/print.ts';
import { taskRow } from '../../src/cli/task-row.ts';

/** Code points with their East_Asian_Width, but for marks, controls and what is none; of the Unicode that Python has. */
const WIDTHS = `
import json, unicodedata
told = [(ord(c), unicodedata.east_asian_width(c)) for c in map(chr, range(0x110000))
        if unicodedata.category(c) not in ("Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Me")]
print(json.dumps(told))
`;
/** Wide since Unicode 16: hexagrams and their like, counting rods; and numbers in circles on squares, which may be either. */
const OR_WIDE = [
  [0x2630, 0x2637],
  [0x268a, 0x268f],
  [0x3248, 0x324f],
  [0x4dc0, 0x4dff],
  [0x1d300, 0x1d37f],
] as const;

it('a character takes as many columns as Unicode says', () => {
  const told = JSON.parse(execFileSync('/usr/bin/python3', ['-c', WIDTHS], { encoding: 'utf8', maxBuffer: 1e8 })) as [
    number,
    string,
  ][];
  expect(told.length).toBeGreaterThan(100_000);
  const wrong = told.filter(([code, width]) => {
    const text = String.fromCodePoint(code);
    // A younger Unicode may make other marks.
    if (!/^[^\p{Mn}\p{Me}\p{Cn}]$/u.test(text)) return false;
    const columns = columnsOf(text);
    if (OR_WIDE.some(([first, last]) => first <= code && code <= last)) return columns < 1 || columns > 2;
    return columns !== (/[WF]/.test(width) ? 2 : 1);
  });
  expect(wrong).toEqual([]);
});

it.each([
  ['', 0],
  ['plain', 5],
  ['e\u0301', 1],
  ['\x1b[31mred\x1b[0m', 3],
  ['日本', 4],
  ['\u2764\ufe0f', 2],
  ['\u{1f004}\ufe0f', 2],
  ['🇯🇵', 2],
  ['1\ufe0f\u20e3', 2],
  // Two where they are joined; four where they are not.
  ['👩\u200d🚀', 4],
])('%j takes %i', (text, columns) => {
  expect(columnsOf(text)).toBe(columns);
});

it('a text is cut before the character that would stand over the edge, and padded to it', () => {
  expect(cutTo('日本語', 5)).toBe('日本');
  expect(cutTo('a\u0301b\u0301c', 2)).toBe('a\u0301b\u0301');
  expect(cutTo('\x1b[1m日本\x1b[0m', 3)).toBe('\x1b[1m日\x1b[0m');
  expect(padTo('日本', 6)).toBe('日本  ');
  expect(padTo('日本', 3)).toBe('日本');
});

it('the columns of a table stand below each other, whatever is in them', () => {
  const rows = ['short', '日本語', '🚀', 'e\u0301', '界'.repeat(80), '😀'.repeat(80)].map((text) => [text, '|']);
  const lines = tableLines(['NAME', '|'], rows, false);
  // 31 of two, and what tells that there were more.
  expect(new Set(lines.map((line) => columnsOf(line)))).toEqual(new Set([63 + 2 + 1]));
  expect(lines.every((line) => line.isWellFormed() && line.endsWith('  |'))).toBe(true);
});

it.each([70, 71, 72])('a note is cut between characters: %i before an emoji', (before) => {
  const error = { kind: 'raised', message: `${'x'.repeat(before)}😀😀` };
  const note = taskRow({ function: { name: 'f', version: 1 }, error } as unknown as Task).at(-1)!;
  expect(note.isWellFormed()).toBe(true);
  expect(columnsOf(note)).toBeLessThanOrEqual(80);
});

it.each([79, 80, 81])('no line of top takes more than the %i columns of its screen', (columns) => {
  const function_ = { name: '失敗'.repeat(20), version: 0 };
  const task = { task_id: crypto.randomUUID(), status: 'FAILED', function: function_, submitted_at: '', attempt: 1 };
  const sample = {
    at: 0,
    stats: { states: {}, lanes: [], busy: 0, slots: 2, workers: 0 },
    fleet: { items: [] },
    tasks: [{ ...task, error: null, waits: null }],
  } as unknown as Sample;
  const rates = { submitted_per_s: 0, ended_per_s: 0, failed_per_s: 0 };
  const lines = frameOf(sample, rates, 'http://127.0.0.1:8000', { columns, rows: 24, coloured: true });
  const widths = lines.map((line) => columnsOf(line));
  expect(lines.join()).toContain('失敗');
  expect(Math.max(...widths)).toBeLessThanOrEqual(columns);
  expect(widths.at(-1)).toBeGreaterThanOrEqual(columns - 1);
});
