// `npm test`: every test, with type check, lint and format beside them, then chaos. `--quick`: the packages' own tests only.
// Installs nothing and skips nothing: what is missing fails with the name of the package that brings it.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { missingNeeds } from './system-needs.mjs';

const INHERITED = ['ignore', 'inherit', 'inherit'];
const quick = process.argv.includes('--quick');
const filters = process.argv.slice(2).filter((argument) => argument !== '--quick');

const missing = missingNeeds();
for (const need of missing)
  console.error(`test: missing ${need.what}: install the package ${need.package}, or run \`npm run setup\`.`);
if (missing.length > 0) process.exit(1);

let failed = 0;
const everything = !quick && filters.length === 0;
// In what the tests leave of the processors, as they wait now and then: nice, so that no test notices. What a check has to
// say comes after the tests, where it is seen.
const nicely = ['nice', '-n', '10'];
const checks = everything
  ? [
      finished('types', ...nicely, 'tsc', '-p', '.'),
      finished('lint', ...nicely, 'eslint', '.'),
      finished('types of the Python SDK', ...nicely, 'env', '-C', 'python', 'mypy'),
      finished('format', ...nicely, 'prettier', '--check', '--log-level', 'warn', '.'),
    ]
  : [];

const folder = mkdtempSync(join(tmpdir(), 'test-report-'));
const report = join(folder, 'report.json');
const only = filters.length > 0 ? filters : quick ? ['packages/'] : [];
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const { status } = await ended(spawn('vitest', ['run', ...reporters, ...only], { stdio: INHERITED }));
const { passed, broken, skipped } = count();
rmSync(folder, { recursive: true, force: true });
for (const check of checks) tell(await check);
// After all of them: it measures how soon things recover, and wants the machine for itself. The same faults every time; the
// long runs draw others.
const chaos = ['test/chaos/main.ts', '--minutes', '1.5', '--at-once', '2', '--seed', '1'];
if (everything) tell({ name: 'chaos', said: '', ...(await ended(spawn('node', chaos, { stdio: INHERITED }))) });
// A suite that could not even be loaded counts, too.
const faults = failed + Math.max(broken, status === 0 ? 0 : 1);
if (everything) console.log(`all of it: ${Math.round(performance.now() / 1000)} s`);
console.log(`${passed} passed, ${faults} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(faults === 0 ? 0 : 1);

/** Runs a command and keeps what it says until it is told. */
async function finished(name, command, ...args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text));
  return { name, ...(await ended(child)), said };
}

/** Its exit code, or what kept it from starting; and how long it took. */
async function ended(child) {
  const started = Date.now();
  const status = await new Promise((resolve) => child.on('error', resolve).on('close', resolve));
  return { status, seconds: (Date.now() - started) / 1000 };
}

function tell({ name, status, seconds, said }) {
  process.stdout.write(said);
  console.log(`${status === 0 ? '✓' : '✗'} ${name} (${seconds.toFixed(1)} s)`);
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
