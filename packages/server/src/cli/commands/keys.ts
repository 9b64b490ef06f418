// `mpcsfaas keys create | ls | revoke`: who may call.
import type { Command } from 'commander';
import { Api, type ApiOptions } from '../api.ts';
import { withOptions } from '../options.ts';
import { printJson, printLine, printTable } from '../print.ts';
import { named } from '../units.ts';

interface ClientOptions extends ApiOptions {
  json: boolean;
}

interface KeyBody {
  key_id: string;
  name: string;
  created_at: string;
}

interface NewKey extends KeyBody {
  key: string;
}

export function keyCommands(parent: Command): void {
  const keys = parent.command('keys').description('create, list and revoke API keys');
  withOptions(
    keys.command('create').description('make a key; it is shown once').argument('[name]', 'what it is for'),
    'client',
  ).action(create);
  withOptions(keys.command('ls').description('list keys, without the secrets'), 'client').action(list);
  withOptions(
    keys
      .command('revoke')
      .description('revoke a key')
      .argument('<id>', "the key's id, from `keys ls`", named("the key's id, from `keys ls`")),
    'client',
  ).action(revoke);
}

async function create(name: string | undefined, options: ClientOptions): Promise<void> {
  const api = new Api(options);
  const key = api.bodyOf<NewKey>(await api.post('/v1/keys', { name: name ?? '' }), 'key');
  if (options.json) return printJson(key);
  printLine(key.key);
  process.stderr.write(
    `Key ${key.key_id}: shown this once. Callers send it as \`Authorization: Bearer …\` (MPCSFAAS_API_KEY for this command).\n`,
  );
}

async function list(options: ClientOptions): Promise<void> {
  const listed = await new Api(options).page<{ items: KeyBody[] }>('/v1/keys');
  if (options.json) return printJson(listed);
  printTable(
    ['ID', 'NAME', 'CREATED'],
    listed.items.map((key) => [key.key_id, key.name, key.created_at]),
  );
}

async function revoke(id: string, options: ClientOptions): Promise<void> {
  const api = new Api(options);
  const body = api.bodyOf<{ revoked: boolean }>(await api.delete(`/v1/keys/${encodeURIComponent(id)}`), 'revoked');
  if (options.json) return printJson(body);
  printLine(`Key ${id} is revoked.`);
}
