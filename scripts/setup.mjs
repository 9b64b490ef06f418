// Installs what the tests need of the system and is missing, with apt-get, as root or through sudo; says what it does.
import { spawnSync } from 'node:child_process';
import { missingNeeds } from './system-needs.mjs';

const missing = missingNeeds();
if (missing.length === 0) {
  console.log('setup: everything that the tests need is here.');
  process.exit(0);
}
const packages = missing.map((need) => need.package);
for (const need of missing) console.log(`setup: missing ${need.what} (Debian package ${need.package}).`);

const has = (command) => spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
const asRoot = process.getuid?.() === 0 ? [] : has('sudo') ? ['sudo'] : undefined;
if (!has('apt-get') || asRoot === undefined) {
  console.error(
    `setup: install ${packages.join(', ')} yourself: neither root nor sudo with apt-get is to be had here.`,
  );
  process.exit(1);
}

run([...asRoot, 'apt-get', 'update', '-qq']);
// The packaged Redis must not start a server of its own: the tests start theirs.
run([
  ...asRoot,
  'env',
  'DEBIAN_FRONTEND=noninteractive',
  'RUNLEVEL=1',
  'apt-get',
  'install',
  '-y',
  '-qq',
  '--no-install-recommends',
  ...packages,
]);
const still = missingNeeds();
if (still.length > 0) {
  console.error(`setup: still missing after the installation: ${still.map((need) => need.what).join('; ')}.`);
  process.exit(1);
}
console.log('setup: done.');

function run([command, ...args]) {
  console.log(`setup: ${[command, ...args].join(' ')}`);
  const { status } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) return;
  console.error(`setup: ${command} failed; install ${packages.join(', ')} yourself and try again.`);
  process.exit(1);
}
