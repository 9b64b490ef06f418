// Which task a request is about, for the lines of the log.
import type { FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** '' where it is about none, or about many. */
    taskId: string;
  }
}

/** Fields of a line about this request; its request_id is there already. */
export function concerning({ taskId }: FastifyRequest): { task_id?: string } {
  return taskId === '' ? {} : { task_id: taskId };
}
