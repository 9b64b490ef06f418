// Which request a line of the log is about, and which task.
import type { FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** '' where it is about none, or about many. */
    taskId: string;
  }
}

/** Fields of a line about this request. */
export function concerning({ id, taskId }: FastifyRequest): { request_id: string; task_id?: string } {
  return taskId === '' ? { request_id: id } : { request_id: id, task_id: taskId };
}
