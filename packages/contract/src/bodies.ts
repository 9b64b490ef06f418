// The static types of a route's parts, read off its schemas.
import type { Static, TSchema } from 'typebox';
import type { OperationId, ROUTES } from './routes.ts';

type Route<Op extends OperationId> = (typeof ROUTES)[Op];

type Part<Op extends OperationId, Name extends string> =
  Route<Op> extends Record<Name, infer S extends TSchema> ? Static<S> : undefined;

export type BodyOf<Op extends OperationId> = Part<Op, 'body'>;
export type QueryOf<Op extends OperationId> = Part<Op, 'query'>;
export type ParamsOf<Op extends OperationId> = Part<Op, 'params'>;

/** The JSON body of an answer with one of these statuses (of all, where none is named). */
export type AnswerOf<
  Op extends OperationId,
  Status extends keyof Route<Op>['answers'] = keyof Route<Op>['answers'],
> = Route<Op>['answers'][Status] extends infer A
  ? A extends { readonly body: infer S extends TSchema }
    ? Static<S>
    : never
  : never;
