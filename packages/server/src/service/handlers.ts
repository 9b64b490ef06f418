// Every operation's handler: total, so a route without one does not compile.
import { classicHandlers } from './handlers/classic.ts';
import { fleetHandlers } from './handlers/fleet.ts';
import { functionHandlers } from './handlers/functions.ts';
import { keyHandlers } from './handlers/keys.ts';
import { resultHandlers } from './handlers/results.ts';
import { streamHandlers } from './handlers/streams.ts';
import { sdkHandlers } from './handlers/sdk.ts';
import { taskHandlers } from './handlers/tasks.ts';
import type { Handlers } from './parts.ts';

export const HANDLERS: Handlers = {
  ...classicHandlers,
  ...functionHandlers,
  ...taskHandlers,
  ...resultHandlers,
  ...streamHandlers,
  ...keyHandlers,
  ...fleetHandlers,
  ...sdkHandlers,
};
