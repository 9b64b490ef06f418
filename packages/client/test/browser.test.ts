// The published module in a real browser: on a page of the service's own origin, and on one of another that is allowed.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchBrowser } from '../../../test/harness/browser.ts';
import { registerSource } from '../../../test/harness/http.ts';
import { root } from '../../../test/harness/program.ts';
import { startUp } from './service.ts';
import type { Faas } from '../src/index.ts';
import type * as client from '../src/index.ts';
import type { System } from '../../../test/harness/system.ts';

/** A browser on a loaded machine. */
const PATIENCE_MS = 60_000;

const PAGE = `<!doctype html><title>page</title>
<script type="module">import * as client from '/client.js'; window.client = client;</script>`;

let pages: Server;
let origin: string;
let up: System;
let browser: Browser;
let page: Page;
const faults: string[] = [];

beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs'), 'client'], { stdio: 'pipe' });
  const module = readFileSync(join(root, 'packages/client/dist/index.js'));
  pages = createServer(({ url }, response) => {
    if (url?.startsWith('/moved/')) return void response.writeHead(302, { location: `${up.url}/v1/stats` }).end();
    const isModule = url === '/client.js';
    response.setHeader('content-type', isModule ? 'text/javascript' : 'text/html');
    response.end(isModule ? module : PAGE);
  });
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  up = await startUp(['--cors-origin', origin]);
  await registerSource(up.url, 'py-square', 'def square(x):\n    return x * x\n');
  browser = await launchBrowser();
  page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('pageerror', (fault) => faults.push(fault.message));
  await page.goto(origin);
}, 120_000);
afterAll(async () => {
  await browser.close();
  pages.close();
  await up.stop();
  expect(faults).toEqual([]);
}, PATIENCE_MS);

/** Runs in the page, with the client's module, a client of the service that runs. */
function inPage<T>(act: (parts: { faas: Faas; client: typeof client }) => Promise<T>): Promise<T> {
  return page.evaluate<T>(`(${act.toString()})({ client, faas: new client.Faas({ url: '${up.url}' }) })`);
}

it('registers, calls, maps, and reads errors', async () => {
  const told = await inPage(async ({ faas, client: { NotFound } }) => {
    const add = await faas.register('add', (a: number, b: number) => a + b);
    const square = faas.function<[number], number>('py-square');
    const values = await square.map(Array.from({ length: 300 }, (_, n) => n)).toArray();
    const error: unknown = await faas
      .function('nobody')()
      .catch((reason: unknown) => reason);
    const lines: string[] = [];
    const talk = await faas.register('talk', () => console.log('from afar'));
    for await (const log of (await talk.submit()).logs({ follow: true })) lines.push(log.text);
    return [await add(20, 22), values[299], error instanceof NotFound, lines];
  });
  expect(told).toEqual([42, 299 * 299, true, ['from afar\n']]);
}, 60_000);

it('many calls at once go through the few connections that a browser has', async () => {
  const sum = await inPage(async ({ faas }) => {
    const square = faas.function<[number], number>('py-square');
    const values = await Promise.all(Array.from({ length: 200 }, (_, n) => square(n)));
    return values.reduce((all, value) => all + value, 0);
  });
  expect(sum).toBe((199 * 200 * 399) / 6);
}, 60_000);

it('is told that a url leads elsewhere, though not whereto', async () => {
  const told = await inPage(async ({ client }) => {
    const page = globalThis as unknown as { origin: string };
    const moved = new client.Faas({ url: `${page.origin}/moved` });
    return moved.stats().catch((error: unknown) => [error instanceof client.ConnectionFailed, String(error)]);
  });
  expect(told).toEqual([true, `ConnectionFailed: ${origin}/moved leads to another address: give that as url.`]);
}, 60_000);
