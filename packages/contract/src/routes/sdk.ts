// /sdk/python: the Python SDK as this service fits it, for pip.
import { Type } from '../type.ts';
import { route } from '../route.ts';

/** As the service names it: the example below asks for it. */
const WHEEL = 'mpcsfaas-0.1.0-py3-none-any.whl';

export const pythonSdk = route({
  method: 'GET',
  path: '/sdk/python',
  tag: 'sdk',
  summary: 'Where pip finds the Python SDK',
  description:
    `A page with a link to the wheel: \`pip install http://127.0.0.1:8000/sdk/python/${WHEEL}\` in a virtual environment. ` +
    'Nobody needs a key for it: it holds nothing but our own code.',
  open: true,
  answers: { 200: { description: 'The page', media: ['text/html'] } },
  errors: ['route_not_found'],
  examples: [{ name: 'as pip asks', status: 200 }],
});

export const pythonWheel = route({
  method: 'GET',
  path: '/sdk/python/{file}',
  tag: 'sdk',
  summary: 'The Python SDK as a wheel',
  description: 'The file that the page links to; of pure Python, for 3.9 and newer.',
  open: true,
  params: Type.Object({ file: Type.String({ maxLength: 200, description: 'The name of the wheel' }) }),
  answers: { 200: { description: 'The wheel', media: ['application/octet-stream'] } },
  errors: ['route_not_found'],
  examples: [
    { name: 'the wheel', params: { file: WHEEL }, status: 200 },
    { name: 'another file', params: { file: 'mpcsfaas-0.0.1-py3-none-any.whl' }, status: 404 },
  ],
});
