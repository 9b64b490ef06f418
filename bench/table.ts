// Results as text: what is printed, and the same as Markdown.
import { isMet, type Figure, type Target } from './measure.ts';
import { short } from './plot.ts';
import { median, quantile } from './statistics.ts';

const FIGURES = ['', 'median', 'quartiles', 'runs', 'CPU µs a task'];
const TARGETS = ['target', 'wanted', 'reached', 'of it', ''];

export function figureRows(figures: readonly Figure[]): string[][] {
  return figures.map(({ name, unit, samples, cpu = {} }) => [
    name,
    `${short(median(samples))} ${unit}`,
    samples.length < 2 ? '' : `${short(quantile(samples, 0.25))} – ${short(quantile(samples, 0.75))}`,
    String(samples.length),
    Object.entries(cpu)
      .map(([program, value]) => `${program} ${value.toFixed(1)}`)
      .join(', '),
  ]);
}

export function targetRows(targets: readonly Target[]): string[][] {
  return targets.map((target) => {
    const { name, unit, is, want, got } = target;
    const share = is === '>=' ? got / want : want / got;
    return [
      name,
      `${is === '>=' ? '≥' : '≤'} ${short(want)} ${unit}`,
      Number.isNaN(got) ? 'not measured' : `${short(got)} ${unit}`,
      Number.isNaN(got) ? '' : `${Math.round(share * 100)} %`,
      Number.isNaN(got) ? '' : isMet(target) ? 'met' : 'MISSED',
    ];
  });
}

export function plain(rows: readonly string[][], titles: readonly string[]): string {
  const all = [titles, ...rows];
  const widths = titles.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, n) => cell.padEnd(widths[n] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function markdown(rows: readonly string[][], titles: readonly string[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Without the CPU column where nobody has it. */
export function figuresAs(figures: readonly Figure[], as: typeof plain): string {
  const columns = figures.some(({ cpu }) => cpu !== undefined) ? 5 : 4;
  return as(
    figureRows(figures).map((row) => row.slice(0, columns)),
    FIGURES.slice(0, columns),
  );
}

export function targetsAs(targets: readonly Target[], as: typeof plain): string {
  return as(targetRows(targets), TARGETS);
}
