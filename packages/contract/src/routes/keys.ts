// /v1/keys: make, list and revoke API keys.
import { Type } from '../type.ts';
import { Id, Time } from '../fields.ts';
import { SAMPLE } from '../samples.ts';
import { route } from '../route.ts';

const KEY = { key_id: Id, name: Type.String(), created_at: Time };

const ApiKey = Type.Object(KEY, { title: 'ApiKey' });

const LISTED = { key_id: SAMPLE.spareKey, name: 'nightly jobs', created_at: SAMPLE.time };

export const createKey = route({
  method: 'POST',
  path: '/v1/keys',
  tag: 'keys',
  summary: 'Make an API key',
  description:
    'The key itself is shown in this answer and never again: only a hash of it is kept. It belongs to the tenant of ' +
    'the key that asks. Where keys are off, the first one can be made before `--require-keys` turns them on.',
  body: Type.Object(
    { name: Type.String({ maxLength: 200, description: 'What it is for' }) },
    { title: 'NewApiKey', additionalProperties: false },
  ),
  answers: {
    201: {
      description: 'The key, this once',
      body: Type.Object(
        { ...KEY, key: Type.String({ description: 'Sent as `Authorization: Bearer …`' }) },
        { title: 'FreshApiKey' },
      ),
    },
  },
  errors: [],
  examples: [
    {
      name: 'for a job',
      body: { name: 'nightly jobs' },
      status: 201,
      answer: { ...LISTED, key: 'mpk_0uJgZ4XqH6Zr3mX8d1cN5yQbT9vLw2sKfEaPiRoUhYM' },
    },
  ],
});

export const listKeys = route({
  method: 'GET',
  path: '/v1/keys',
  tag: 'keys',
  summary: 'List API keys',
  description: 'The tenant’s keys, oldest first, without the secrets.',
  answers: {
    200: { description: 'All of them', body: Type.Object({ items: Type.Array(ApiKey) }, { title: 'ApiKeys' }) },
  },
  errors: [],
  examples: [{ name: 'all', status: 200, answer: { items: [LISTED] } }],
});

export const revokeKey = route({
  method: 'DELETE',
  path: '/v1/keys/{key_id}',
  tag: 'keys',
  summary: 'Revoke an API key',
  description: 'At once at the service that answers; at the others of the same store within 5 s.',
  params: Type.Object({ key_id: Id }),
  answers: {
    200: {
      description: 'It is no longer taken',
      body: Type.Object({ revoked: Type.Boolean() }, { title: 'Revoked' }),
    },
  },
  errors: ['invalid_id', 'key_not_found'],
  examples: [
    { name: 'a spare one', params: { key_id: SAMPLE.spareKey }, status: 200, answer: { revoked: true } },
    { name: 'an unknown one', params: { key_id: SAMPLE.unknown }, status: 404 },
  ],
});
