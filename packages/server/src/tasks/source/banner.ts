// What the command line puts before each bundle: packages written for CommonJS ask for Node's own modules by `require`.
export const BUNDLE_BANNER =
  "import { createRequire as __mpcsfaasRequire } from 'node:module'; const require = __mpcsfaasRequire('file:///');";
