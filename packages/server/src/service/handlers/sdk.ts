// /sdk/python: the wheel and the page that links to it.
import { Refusal } from '../../tasks/refusal.ts';
import type { Handlers, ServiceParts } from '../parts.ts';
import { pythonIndexPage } from '../python-wheel.ts';
import type { Wheel } from '../python-wheel.ts';

export const sdkHandlers: Handlers<'pythonSdk' | 'pythonWheel'> = {
  pythonSdk: ({ reply }, parts) =>
    reply.header('content-type', 'text/html; charset=utf-8').send(pythonIndexPage(wheelOf(parts))),

  pythonWheel({ params, reply }, parts) {
    const { file, bytes } = wheelOf(parts);
    if (params.file !== file) {
      throw new Refusal('route_not_found', `There is no file "${params.file}" here; /sdk/python/ links to ${file}.`);
    }
    return reply.header('content-type', 'application/octet-stream').send(bytes);
  },
};

function wheelOf({ pythonWheel }: ServiceParts): Wheel {
  const wheel = pythonWheel();
  if (wheel === undefined) throw new Refusal('route_not_found', 'This service was started without the Python SDK.');
  return wheel;
}
