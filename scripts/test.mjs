// `npm test`: type check, lint, format, every test, then two minutes of chaos. `--quick`: the packages' own tests only.
// Installs nothing and skips nothing: what is missing fails with the name of the package that brings it.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { missingNeeds } from './system-needs.mjs';

const quick = process.argv.includes('--quick');
const filters = process.argv.slice(2).filter((argument) => argument !== '--quick');

const missing = missingNeeds();
for (const need of missing)
  console.error(`test: missing ${need.what}: install the package ${need.package}, or run \`npm run setup\`.`);
if (missing.length > 0) process.exit(1);

let failed = 0;
if (!quick && filters.length === 0) {
  // Side by side: each of them keeps one core busy.
  await Promise.all([
    check('types', 'tsc', '-p', '.'),
    check('lint', 'eslint', '.'),
    check('format', 'prettier', '--check', '--log-level', 'warn', '.'),
  ]);
}

const folder = mkdtempSync(join(tmpdir(), 'test-report-'));
const report = join(folder, 'report.json');
const only = filters.length > 0 ? filters : quick ? ['packages/'] : [];
const { status } = spawnSync(
  'vitest',
  ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...only],
  {
    stdio: ['ignore', 'inherit', 'inherit'],
  },
);
const { passed, broken, skipped } = count();
rmSync(folder, { recursive: true, force: true });
// After the tests: it measures how soon things recover, and wants the machine for itself. The same faults every time; the
// long runs draw others.
const chaos = ['node', 'test/chaos/main.ts', '--minutes', '1.5', '--at-once', '2', '--seed', '1'];
if (!quick && filters.length === 0) await check('chaos', ...chaos);
// A suite that could not even be loaded counts, too.
const faults = failed + Math.max(broken, status === 0 ? 0 : 1);
console.log(`${passed} passed, ${faults} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(faults === 0 ? 0 : 1);

async function check(name, ...command) {
  const started = Date.now();
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'inherit', 'inherit'] });
  const status = await new Promise((resolve) => child.on('error', resolve).on('close', resolve));
  console.log(`${status === 0 ? '✓' : '✗'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  if (status !== 0) failed += 1;
}

function count() {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'));
    return { passed: numPassedTests, broken: numFailedTests, skipped: numPendingTests };
  } catch {
    return { passed: 0, broken: 1, skipped: 0 };
  }
}
