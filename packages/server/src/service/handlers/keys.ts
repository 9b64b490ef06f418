// /v1/keys.
import { timeText } from '../../tasks/describe.ts';
import { Refusal } from '../../tasks/refusal.ts';
import type { Handlers } from '../parts.ts';

export const keyHandlers: Handlers<'createKey' | 'listKeys' | 'revokeKey'> = {
  async createKey({ body, tenant, reply }, { keys }) {
    const { id, createdAt, key } = await keys.create(body.name, tenant);
    // The one answer that holds a secret: nobody between keeps it.
    reply.code(201).header('cache-control', 'no-store');
    return { key_id: id, name: body.name, created_at: timeText(createdAt), key };
  },

  async listKeys({ tenant }, { keys }) {
    const items = await keys.list(tenant);
    return { items: items.map(({ id, name, createdAt }) => ({ key_id: id, name, created_at: timeText(createdAt) })) };
  },

  async revokeKey({ params, tenant }, { keys }) {
    const id = params.key_id.toLowerCase();
    if (await keys.revoke(id, tenant)) return { revoked: true };
    throw new Refusal('key_not_found', `There is no key ${id}. \`mpcsfaas keys ls\` shows those there are.`);
  },
};
