// The contract's public face: the words, the limits, the errors (words.ts alone has these), the bodies and the routes.
export * from './words.ts';
export { FRAMES, Frame, framed } from './fields.ts';
export { NAME_PATTERN, PATTERN_WORDS } from './patterns.ts';
export { FunctionOptions, TaskOptions } from './options.ts';
export { Problem, Task, TaskError, TaskResult, WAIT_REASONS } from './record.ts';
export type { WaitReason } from './record.ts';
export { ROUTES } from './routes.ts';
export type { OperationId } from './routes.ts';
export type { Answer, Example, RouteContract } from './route.ts';
export type { AnswerOf, BodyOf, ParamsOf, QueryOf } from './bodies.ts';
export { openApiDocument } from './openapi.ts';
export type { Json } from './openapi.ts';
export { SAMPLE } from './samples.ts';
