// A real browser: the Chromium (or Chrome) of this machine, which `npm run setup` brings.
import { chromium, type Browser } from 'playwright-core';

const QUIET = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--no-first-run'];

export async function launchBrowser(): Promise<Browser> {
  const needs = (await import(new URL('../../scripts/system-needs.mjs', import.meta.url).href)) as {
    chromium: () => string | undefined;
  };
  const executablePath = needs.chromium();
  if (executablePath === undefined) throw new Error('There is no Chromium here: run `npm run setup`.');
  return chromium.launch({ executablePath, args: QUIET });
}
