// The Python SDK that a service offers: one file, always the same, whoever asks; and what pip reads to find it.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pythonWheelOf } from '../../src/service/python-wheel.ts';
import { PYTHON_SDK, startRig } from './harness.ts';
import type { Rig } from './harness.ts';

let rig: Rig;
beforeAll(async () => {
  // Keys do not keep anybody from it.
  rig = await startRig({ config: { requireKeys: true }, firstKey: 'k'.repeat(40) });
});
afterAll(() => rig.stop());

it('is linked to with its digest', async () => {
  const page = await rig.get('/sdk/python/');
  const [, href = '', digest] = /href="([^"#]+)#sha256=([0-9a-f]{64})"/.exec(page.bytes.toString())!;
  const wheel = await rig.get(href);
  expect(wheel.status).toBe(200);
  expect(createHash('sha256').update(wheel.bytes).digest('hex')).toBe(digest);
});

it('is the same bytes each time it is made', () => {
  expect(pythonWheelOf(PYTHON_SDK).bytes.equals(pythonWheelOf(PYTHON_SDK).bytes)).toBe(true);
});

it('is not offered to a page of another site, nor by a service that has none', async () => {
  const open = await startRig();
  expect((await open.get('/sdk/python/', { origin: 'https://elsewhere.example' })).status).toBe(403);
  await open.stop();
  const bare = await startRig({ config: { pythonSdk: '' } });
  expect((await bare.get('/sdk/python/')).status).toBe(404);
  await bare.stop();
});
