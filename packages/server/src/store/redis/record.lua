-- A task's record and the moves that every act is made of. scripts.ts puts this before each act's own lines.
--
-- KEYS[1]  the declared prefix `{s<n>}:<tenant>:`. A script touches keys that begin with it, and no other.
-- ARGV[1]  '1' = announce nothing, but return the announcements (they wait for the replicas).
--
-- Keys under the prefix (docs/decisions tell why):
--   t:<id> record  a:<id> arguments that the record does not hold itself  e:<id> end  h:<id> history  l:<id> logs  b:<id>… large bytes on their way in
--   k:<digest of name> idempotency key  g:<group> ids of a group  q:<lane> waiting ids by score  lanes  lanes with waiting tasks
--   all  ids (equal scores)  due  DELAYED by time  exp  waiting, by expires_at  run  id → claimer NUL worker
--   lease  RUNNING by lease end  del  ended, by time of deletion  n counters  ev events  evfloor  ref  digest → tasks
local P, QUIET = KEYS[1], ARGV[1] == '1'
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local QUEUED, DELAYED, RUNNING, COMPLETED, FAILED, CANCELED = 0, 1, 3, 4, 5, 6
local NAMES = { [0] = 'QUEUED', 'DELAYED', 'BLOCKED', 'RUNNING' }
local NO_TOKEN = string.rep('\0', 8)
local BAND = 2 ^ 43
-- How much longer than its task a payload may live, ms: the sweep deletes first, this is for when nobody sweeps.
local PAYLOAD_GRACE = 3600000
local HISTORY_KEPT = 32
local RIDE_ALONG = 1024

-- What changes: state pinned kind abandonments losses retries attempt token score submitted claimed started ended due result
local HEAD = '<BBBBI2I2I4c8I7I6I6I6I6I6I5'
-- What does not: expires ttl args max_attempts priority+100 shape, and the lengths of lane group key function digest
local REST = 'I6I6I5I2BBI2I2I2BB'

local counts, touched, woken, ends, canceled, told = {}, {}, {}, {}, {}, {}

local function count(name, by)
  counts[name] = (counts[name] or 0) + by
end

-- Fills `r` from a record's bytes.
local function read(r, bytes)
  local lane, group, key, fn, digest, at
  r.state, r.pinned, r.kind, r.abandonments, r.losses, r.retries, r.attempt, r.token, r.score, r.submitted, r.claimed,
    r.started, r.ended, r.due, r.result, r.expires, r.ttl, r.args, r.max_attempts, r.priority, r.shape,
    lane, group, key, fn, digest, at = struct.unpack(HEAD .. REST, bytes)
  r.lane = string.sub(bytes, at, at + lane - 1)
  at = at + lane
  r.group = string.sub(bytes, at, at + group - 1)
  at = at + group
  r.key = string.sub(bytes, at, at + key - 1)
  at = at + key
  r.fn = string.sub(bytes, at, at + fn - 1)
  at = at + fn
  r.digest = string.sub(bytes, at, at + digest - 1)
  r.once = r.shape % 2 == 1
  r.inline = math.floor(r.shape / 16) % 2 == 1
  return r
end

local function load(id)
  local bytes = redis.call('GET', P .. 't:' .. id)
  return bytes and read({ id = id, bytes = bytes }, bytes)
end

-- A task by an entry of an index. An entry without a record (a server that evicts) is dropped, or it would stop every sweep.
local function load_from(index, id)
  local r = load(id)
  if not r then redis.call('ZREM', P .. index, id) end
  return r
end

local function head(r)
  return struct.pack(HEAD, r.state, r.pinned, r.kind, r.abandonments, r.losses, r.retries, r.attempt, r.token, r.score,
    r.submitted, r.claimed, r.started, r.ended, r.due, r.result)
end

local function save(r)
  redis.call('SETRANGE', P .. 't:' .. r.id, 0, head(r))
end

-- RUNNING under this very fence?
local function current(r, attempt, token)
  return r and r.state == RUNNING and r.attempt == tonumber(attempt) and r.token == token
end

local function score_of(priority, sequence)
  return (200 - priority) * BAND + sequence
end

local function next_score(priority)
  return score_of(priority, redis.call('HINCRBY', P .. 'n', 'sequence', 1))
end

-- The worker that holds a RUNNING task, '' where unknown.
local function holder(r)
  local run = redis.call('HGET', P .. 'run', r.id)
  if not run then return '' end
  return string.sub(run, string.find(run, '\0', 1, true) + 1)
end

local function note(r, worker, reason, message)
  local key = P .. 'h:' .. r.id
  redis.call('RPUSH', key, struct.pack('<I4I6', r.attempt, now) .. worker .. '\0' .. reason .. '\0' .. message)
  redis.call('LTRIM', key, -HISTORY_KEPT, -1)
end

-- Takes a task out of all that its state put it in.
local function leave(r)
  count('state:' .. NAMES[r.state], -1)
  if r.state == RUNNING then
    redis.call('HDEL', P .. 'run', r.id)
    redis.call('ZREM', P .. 'lease', r.id)
    return
  end
  count('bytes', -r.args)
  if r.expires > 0 then redis.call('ZREM', P .. 'exp', r.id) end
  if r.state == QUEUED then
    redis.call('ZREM', P .. 'q:' .. r.lane, r.id)
    touched[r.lane] = true
  else
    redis.call('ZREM', P .. 'due', r.id)
  end
end

-- Puts a task into the indexes of a waiting state.
local function enter(r)
  count('state:' .. NAMES[r.state], 1)
  count('bytes', r.args)
  if r.expires > 0 then redis.call('ZADD', P .. 'exp', r.expires, r.id) end
  if r.state == QUEUED then
    redis.call('ZADD', P .. 'q:' .. r.lane, r.score, r.id)
    touched[r.lane] = true
    woken[r.lane] = true
  else
    redis.call('ZADD', P .. 'due', r.due, r.id)
  end
end

-- Back to wait, its fence void. The caller has set score and counters.
local function put_back(r, state, due)
  leave(r)
  r.state, r.due, r.token, r.claimed, r.started = state, due, NO_TOKEN, 0, 0
  enter(r)
  save(r)
end

local function told_end(r, bytes)
  return struct.pack('<BBI6BI2BI4', r.state, r.kind, r.ended, r.shape, #r.group, #r.fn, #bytes)
    .. r.id .. r.group .. r.fn .. bytes
end

-- Payloads live as long as their task, which ends at `at` (0 = for ever).
local function keep_payloads(id, at)
  for _, kind in ipairs({ 'a:', 'e:', 'l:', 'h:' }) do
    if at > 0 then
      redis.call('PEXPIREAT', P .. kind .. id, at + PAYLOAD_GRACE)
    else
      redis.call('PERSIST', P .. kind .. id)
    end
  end
end

-- The end. `bytes` is what e:<id> holds, or false where it waits under b:<id>. The caller has set token and counters,
-- and `plain` where neither output nor history can have been written.
local function end_task(r, state, kind, bytes)
  leave(r)
  r.state, r.kind, r.ended = state, kind, now
  save(r)
  local at = r.pinned == 0 and now + r.ttl or 0
  if at > 0 then redis.call('ZADD', P .. 'del', at, r.id) end
  if bytes and at > 0 and r.inline and r.attempt <= 1 and r.plain then
    -- The common case has no other payload (no arguments, output or history of its own): one command writes the end and its time to live.
    redis.call('SET', P .. 'e:' .. r.id, bytes, 'PXAT', at + PAYLOAD_GRACE)
  else
    if bytes then
      redis.call('SET', P .. 'e:' .. r.id, bytes)
    else
      redis.call('RENAME', P .. 'b:' .. r.id, P .. 'e:' .. r.id)
    end
    if at > 0 then keep_payloads(r.id, at) end
  end
  redis.call('XADD', P .. 'ev', '*', 'e', told_end(r, ''))
  count('ended:' .. kind, 1)
  ends[#ends + 1] = told_end(r, (bytes and #bytes <= RIDE_ALONG) and bytes or '')
end

-- An end that no attempt made. `bytes` lacks the worker, which is whoever holds it now.
local function end_by_platform(r, state, kind, bytes)
  local worker = r.state == RUNNING and holder(r) or ''
  r.token = NO_TOKEN
  end_task(r, state, kind, struct.pack('B', #worker) .. worker .. bytes)
end

-- The holder is gone without a word: back to the queue, or the end after too often (at once for at-most-once).
local function abandon(r, limit, lost_kind, message, lost, lost_once)
  note(r, holder(r), 'abandoned', message)
  r.abandonments = r.abandonments + 1
  if r.once or r.abandonments >= limit then
    end_by_platform(r, FAILED, lost_kind, r.once and lost_once or lost)
  else
    put_back(r, QUEUED, 0)
    count('requeued:abandoned', 1)
  end
end

local function announce(channel, message)
  if QUIET then
    told[#told + 1] = channel
    told[#told + 1] = message
  else
    redis.call('PUBLISH', channel, message)
  end
end

local function keys_of(set)
  local list = {}
  for key in pairs(set) do list[#list + 1] = key end
  return list
end

-- Last lines of every act: counters, lanes, then the announcements. The answer is { announcements, answer }.
local function answer(value)
  for name, by in pairs(counts) do
    if by ~= 0 then redis.call('HINCRBY', P .. 'n', name, by) end
  end
  for lane in pairs(touched) do
    if redis.call('EXISTS', P .. 'q:' .. lane) == 1 then
      redis.call('SADD', P .. 'lanes', lane)
    else
      redis.call('SREM', P .. 'lanes', lane)
    end
  end
  if #canceled > 0 then announce('mpcsfaas:hints', 'c' .. table.concat(canceled)) end
  if #ends > 0 then announce('mpcsfaas:hints', 'e' .. table.concat(ends)) end
  local lanes = keys_of(woken)
  if #lanes > 0 then announce('mpcsfaas:hints', 'w' .. table.concat(lanes, '\n')) end
  return { told, value }
end
