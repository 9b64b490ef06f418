// /v1/functions.
import type { BodyOf } from '@mpcsfaas/contract';
import { cursorOf } from '../../tasks/cursor.ts';
import { describeFunction } from '../../tasks/describe.ts';
import type { Registration } from '../../tasks/functions.ts';
import { Refusal } from '../../tasks/refusal.ts';
import type { Handlers } from '../parts.ts';
import { payloadBytes } from '../payloads.ts';

const PAGE = 100;

export const functionHandlers: Handlers<'registerFunction' | 'listFunctions' | 'getFunction' | 'deleteFunction'> = {
  async registerFunction({ body, frames, tenant, reply }, { functions }) {
    const { fn, created } = await functions.register(tenant, {
      name: body.name,
      classic: false,
      runtime: body.runtime,
      code: codeOf(body, frames),
      entry: body.entry ?? '',
      python: body.python ?? '',
      description: body.description ?? '',
      pickler: body.pickler ?? '',
      sourceText: body.source_text ?? '',
      options: body.options ?? {},
    });
    reply.code(created ? 201 : 200);
    return describeFunction(fn);
  },

  async listFunctions({ query, tenant }, { functions }) {
    const cursor = cursorOf('functions', query.cursor);
    const { items, nextCursor } = await functions.list(tenant, query.limit ?? PAGE, cursor);
    return { items: items.map(describeFunction), next_cursor: nextCursor };
  },

  async getFunction({ params, tenant }, { functions }) {
    return describeFunction(await functions.find(tenant, params.ref));
  },

  async deleteFunction({ params, tenant }, { functions }) {
    return { deleted: await functions.delete(tenant, params.ref) };
  },
};

function codeOf({ source, payload }: BodyOf<'registerFunction'>, frames: readonly Buffer[]): Registration['code'] {
  if (source !== undefined && payload === undefined) return { form: 'source', text: source };
  if (payload !== undefined && source === undefined) {
    return { form: 'pickle', bytes: payloadBytes(payload, frames, '/payload') };
  }
  throw new Refusal('validation_failed', 'Give the code once: as `source` (a text) or as `payload` (a pickle).', {
    errors: [{ pointer: '/source', message: source === undefined ? 'is missing' : 'must not stand beside payload' }],
  });
}
