// Writes the figures of docs/performance.md, between its two marks, from the newest results. usage: node bench/report.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { newest, type Result } from './results.ts';
import { figuresAs, markdown, targetsAs } from './table.ts';

const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
const BEGIN = '<!-- figures: written by bench/report.ts -->';
const END = '<!-- end of figures -->';

const page = readFileSync(PAGE, 'utf8');
const [before, rest] = page.split(BEGIN);
const after = rest?.split(END)[1];
if (before === undefined || after === undefined) throw new Error(`${PAGE} lacks its two marks: ${BEGIN} and ${END}`);
const results = newest();
const text = [before + BEGIN, ...results.map(section), END + after].join('\n\n');
writeFileSync(PAGE, await format(text, { ...(await resolveConfig(PAGE)), filepath: PAGE }));

function section({ id, title, played, circumstances, figures, targets, notes, plots }: Result): string {
  const { date, command, commit = '', load, machine, node } = circumstances;
  const at = commit === '' ? '' : `commit ${commit}, `;
  const parts = [
    `### ${id}: ${title}`,
    `${date.slice(0, 16).replace('T', ' ')} UTC, \`${command}\` (${played}), ${at}load average at the start ${load.toFixed(1)}; ${machine}, Node ${node}.`,
    targetsAs(targets, markdown),
    ...plots.map((name) => `![${name}](../bench/results/${name})`),
    figuresAs(figures, markdown),
    notes.map((note) => `- ${note}`).join('\n'),
  ];
  return parts.join('\n\n');
}
