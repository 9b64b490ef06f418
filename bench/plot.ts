// Small SVG plots: lines over an axis, and bars. Made to be looked at in a browser or on a code host.

const WIDTH = 760;
const HEIGHT = 420;
const LEFT = 70;
const RIGHT = 190;
const TOP = 40;
const BOTTOM = 50;
const COLORS = ['#0b6bcb', '#c8501e', '#1f8a4c', '#8b3fb0', '#b58900', '#d0336c', '#3c7d8c', '#666666'];

export interface Line {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

export interface Axes {
  title: string;
  x: string;
  y: string;
  /** Powers of ten on the x axis. */
  logX?: boolean;
  /** Highest y; else that of the data. */
  maxY?: number;
}

export function lines(axes: Axes, all: readonly Line[]): string {
  const scaleX = (x: number): number => (axes.logX === true ? Math.log10(Math.max(x, 1e-9)) : x);
  const xs = all.flatMap(({ points }) => points.map(([x]) => scaleX(x)));
  const low = Math.min(...xs);
  const span = Math.max(...xs) - low || 1;
  const top = axes.maxY ?? niceTop(Math.max(...all.flatMap(({ points }) => points.map(([, y]) => y))));
  const toX = (x: number): number => LEFT + ((scaleX(x) - low) / span) * (WIDTH - LEFT - RIGHT);
  const toY = (y: number): number => HEIGHT - BOTTOM - (Math.min(y, top) / top) * (HEIGHT - TOP - BOTTOM);
  const marks = [...new Set(all.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b);
  const shown = marks.length > 12 ? Array.from({ length: 7 }, (_, n) => unscale(low + (span * n) / 6, axes)) : marks;
  const parts = shown.map((x) => label(toX(x), HEIGHT - BOTTOM + 18, short(x), 'middle'));
  for (let n = 0; n <= 4; n += 1) {
    const y = toY((top * n) / 4);
    parts.push(`<path d="M${LEFT} ${fixed(y)}H${WIDTH - RIGHT}" stroke="#ddd"/>`);
    parts.push(label(LEFT - 6, y + 4, short((top * n) / 4), 'end'));
  }
  all.forEach(({ name, points }, index) => {
    const color = COLORS[index % COLORS.length]!;
    const path = points.map(([x, y]) => `${fixed(toX(x))} ${fixed(toY(y))}`).join('L');
    parts.push(`<path d="M${path}" fill="none" stroke="${color}" stroke-width="2"/>`);
    if (points.length <= 12) {
      for (const [x, y] of points)
        parts.push(`<circle cx="${fixed(toX(x))}" cy="${fixed(toY(y))}" r="3" fill="${color}"/>`);
    }
    parts.push(`<rect x="${WIDTH - RIGHT + 14}" y="${TOP + index * 20}" width="12" height="12" fill="${color}"/>`);
    parts.push(label(WIDTH - RIGHT + 32, TOP + 11 + index * 20, name, 'start'));
  });
  parts.push(label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, axes.x, 'middle'), label(LEFT, TOP - 10, axes.y, 'middle'));
  return frame(axes.title, HEIGHT, parts);
}

export interface Bar {
  name: string;
  value: number;
  low: number;
  high: number;
}

/** Horizontal bars with their quartiles as whiskers. */
export function bars(title: string, unit: string, all: readonly Bar[]): string {
  const top = Math.max(...all.map(({ high }) => high));
  const left = 260;
  const toX = (value: number): number => left + (value / top) * (WIDTH - left - 90);
  const parts = all.flatMap(({ name, value, low, high }, index) => {
    const y = TOP + index * 24;
    return [
      label(left - 8, y + 13, name, 'end'),
      `<rect x="${left}" y="${y}" width="${fixed(toX(value) - left)}" height="16" fill="${COLORS[name.startsWith('ours') ? 0 : 7]!}"/>`,
      `<path d="M${fixed(toX(low))} ${y + 8}H${fixed(toX(high))}" stroke="#000"/>`,
      label(toX(high) + 6, y + 13, `${short(value)} ${unit}`, 'start'),
    ];
  });
  return frame(title, TOP + all.length * 24 + 20, parts);
}

function frame(title: string, height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="${WIDTH / 2}" y="18" text-anchor="middle" font-size="15">${escape(title)}</text>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function label(x: number, y: number, text: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}">${escape(text)}</text>`;
}

function unscale(x: number, { logX }: Axes): number {
  return logX === true ? 10 ** x : x;
}

function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 2, 4, 5, 8, 10].map((step) => step * power).find((top) => top >= value) ?? value;
}

function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** 12000 → 12k, 0.4321 → 0.43. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 10_000) return `${Number((value / 1e3).toPrecision(3))}k`;
  return size >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
