// The docs page in a real browser: it shows every operation, needs no network, and nothing goes wrong in its console.
import { ROUTES } from '@mpcsfaas/contract';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../../../test/harness/browser.ts';
import { startRig } from './harness.ts';
import type { Rig } from './harness.ts';

/** A browser on a loaded machine. */
const PATIENCE_MS = 60_000;

let rig: Rig;
let browser: Browser;
beforeAll(async () => {
  rig = await startRig();
  browser = await launchBrowser();
}, PATIENCE_MS);
afterAll(async () => {
  await browser.close();
  await rig.stop();
}, PATIENCE_MS);

describe('/docs in a browser', () => {
  it(
    'shows every operation, and tries one',
    async () => {
      const page = await browser.newPage();
      page.setDefaultTimeout(PATIENCE_MS);
      const faults: string[] = [];
      const foreign: string[] = [];
      page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
      page.on('pageerror', (fault) => faults.push(fault.message));
      page.on('request', (request) => {
        if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(rig.url)) foreign.push(request.url());
      });
      await page.goto(`${rig.url}/docs`);
      await page.waitForSelector('.opblock');
      expect(await page.locator('.opblock').count()).toBe(Object.keys(ROUTES).length);

      // A page of our own origin may call: the guard against other pages lets it.
      const block = page.locator('.opblock', { hasText: '/v1/version' });
      await block.locator('.opblock-summary-control').click();
      await block.getByRole('button', { name: 'Try it out' }).click();
      await block.getByRole('button', { name: 'Execute' }).click();
      const answer = block.locator('.live-responses-table .response-col_description pre').first();
      expect(await answer.textContent()).toContain('"mpcsfaas"');
      expect([faults, foreign]).toEqual([[], []]);
    },
    PATIENCE_MS,
  );

  it(
    'links from the front page lead somewhere',
    async () => {
      const page = await browser.newPage();
      await page.goto(rig.url);
      expect(await page.title()).toBe('MPCSFaaS');
      const links = await page.locator('a').all();
      expect(links.length).toBeGreaterThan(5);
      for (const link of links) {
        const href = await link.getAttribute('href');
        expect([href, (await rig.get(href ?? '')).status]).toEqual([href, 200]);
      }
    },
    PATIENCE_MS,
  );
});
