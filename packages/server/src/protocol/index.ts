// Data in flight: the worker protocol. messages.ts is its vocabulary, envelope.ts and payloads.ts its encoding,
// transport.ts the two sides'
// interfaces, worker-port.ts and dispatcher-socket.ts their sockets.
export { BadMessage } from './bad-message.ts';
export {
  ANSWER_TIMEOUT_MS,
  ASK_TIMEOUT_MS,
  HEARTBEAT_MS,
  LOST_AFTER_MS,
  MAX_HELD,
  MAX_PAYLOAD_BYTES,
  PARK_MS,
  PART_BYTES,
  PART_WINDOW_BYTES,
  PROTOCOL_VERSION,
  SHARED_FRAME_BYTES,
  UNDELIVERED_AFTER_MS,
} from './messages.ts';
export type {
  DispatcherItem,
  EndedItem,
  Envelope,
  HeldToken,
  PartItem,
  PartOf,
  PayloadRef,
  StreamRef,
  TaskItem,
  WorkerItem,
} from './messages.ts';
export { Assembly } from './assembly.ts';
export { PayloadReader, PayloadWriter, cutParts } from './payloads.ts';
export { TaskHeaders } from './task-headers.ts';
export { WorkerPort } from './worker-port.ts';
export { FreeSocket, LockstepSocket, overZeroMq } from './dispatcher-socket.ts';
export type {
  DispatcherLines,
  DispatcherSocketOptions,
  FreeLine,
  LockstepLine,
  OpenPort,
  Peer,
  Port,
  Received,
  WorkerPortOptions,
} from './transport.ts';
