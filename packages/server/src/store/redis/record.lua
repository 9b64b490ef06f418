-- A task's record and the moves that every act is made of. scripts.ts puts this before each act's own lines.
--
-- KEYS[1]  the declared prefix `{s<n>}:<tenant>:`. A script touches keys that begin with it, and no other.
-- ARGV[1]  '1' = announce nothing, but return the announcements (they wait for the replicas).
--
-- Keys under the prefix (docs/decisions tell why):
--   t:<id> record  a:<id> arguments and e:<id> end that the record does not hold itself  h:<id> history  l:<id> logs
--   b:<id>… large bytes on their way in  k:<digest of name> idempotency key  g:<group> ids of a group
--   q:<lane> runs of waiting tasks by the score of their first  lanes  lane → how many wait
--   due  DELAYED by time  exp  waiting, by expires_at  n counters  ev events  evfloor  ref  digest → tasks
--   lease  del  all   entries that name a script's tasks: claimed or renewed by lease end, ended by time of deletion,
--                     submitted by time of their ids
--
-- Where an entry names several tasks (q, lease, del, all) it is their ids, packed to 16 bytes each, one after the other.
-- An entry of lease or del is a hint about time, the record is the truth: RUNNING tasks have an entry at the lease end that
-- their record tells, ended ones that are not pinned have one at their deletion; whatever else is named is let be.
local P, QUIET = KEYS[1], ARGV[1] == '1'
local RECORD, QUEUE = P .. 't:', P .. 'q:'
local call, pack, sub = redis.call, struct.pack, string.sub
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local QUEUED, DELAYED, RUNNING, COMPLETED, FAILED, CANCELED = 0, 1, 3, 4, 5, 6
local STATE_COUNTER = { [0] = 'state:QUEUED', 'state:DELAYED', 'state:BLOCKED', 'state:RUNNING' }
local NO_TOKEN = string.rep('\0', 8)
local ID_BYTES = 16
local BAND = 2 ^ 43
-- How much longer than its task a payload may live, ms: the sweep deletes first, this is for when nobody sweeps.
local PAYLOAD_GRACE = 3600000
local HISTORY_KEPT = 32
local RIDE_ALONG = 1024
-- An end of at most this many bytes stands in the record.
local END_INSIDE = 512
-- Entries of `all` hold ids of one stretch of so many ms, and share its number times this much as their scores' base.
local STRETCH, STRETCH_ENTRIES = 16, 4096

-- What changes: state pinned kind abandonments losses retries attempt token claimed started lease ended result,
-- length of the tail, due submitted entry score
local HEAD = '<BBBBI2I2I4c8I6I6I6I6I5I2I6I6I2I7'
local HEAD_BYTES = 72
-- What does not: expires args shape priority+100 max_attempts ttl, and the lengths of lane digest key group function
local REST = 'I6I5BBI2I6I2BBI2B'
-- Where some of these begin, counted from 1.
local FENCE_AT, STARTED_AT, TAIL_AT, SCORE_AT = 9, 27, 50, 66
-- The record ends with its tail: claimer NUL worker of a RUNNING task, of an ended one its end where that is small.

local counts, depths, woken, deletions, ends, canceled, told = {}, {}, {}, {}, {}, {}, {}

local function count(name, by)
  counts[name] = (counts[name] or 0) + by
end

-- An id as the entries of indexes hold it, and back.
local function packed(id)
  return pack('>I4I2I2I2I6', tonumber(sub(id, 1, 8), 16), tonumber(sub(id, 10, 13), 16), tonumber(sub(id, 15, 18), 16),
    tonumber(sub(id, 20, 23), 16), tonumber(sub(id, 25), 16))
end

local function unpacked(bytes, at)
  return string.format('%08x-%04x-%04x-%04x-%012x', struct.unpack('>I4I2I2I2I6', bytes, at))
end

-- A whole record as a table.
local function read(id, bytes)
  local state, pinned, kind, abandonments, losses, retries, attempt, token, claimed, started, lease, ended, result, tail,
    due, submitted, entry, score, expires, args, shape, priority, max_attempts, ttl, lane, digest, key, group, fn, at =
    struct.unpack(HEAD .. REST, bytes)
  local digest_at = at + lane
  local key_at = digest_at + digest
  local group_at = key_at + key
  return {
    id = id, bytes = bytes, state = state, pinned = pinned, kind = kind, abandonments = abandonments, losses = losses,
    retries = retries, attempt = attempt, token = token, claimed = claimed, started = started, lease = lease,
    ended = ended, result = result, tail = tail, due = due, submitted = submitted, entry = entry, score = score,
    expires = expires, args = args, priority = priority, max_attempts = max_attempts, ttl = ttl, shape = shape,
    once = shape % 2 == 1, inline = shape % 32 >= 16, lane = sub(bytes, at, digest_at - 1),
    digest = sub(bytes, digest_at, key_at - 1), key = sub(bytes, key_at, group_at - 1),
    group = sub(bytes, group_at, group_at + group - 1), group_bytes = group, fn_bytes = fn, group_at = group_at,
  }
end

local function load(id)
  local bytes = call('GET', RECORD .. id)
  return bytes and read(id, bytes)
end

-- A task by an entry of an index of ids. One without a record (a server that evicts) is dropped, or it would stop every sweep.
local function load_from(index, id)
  local r = load(id)
  if not r then call('ZREM', P .. index, id) end
  return r
end

local function head(r, tail_bytes)
  return pack(HEAD, r.state, r.pinned, r.kind, r.abandonments, r.losses, r.retries, r.attempt, r.token, r.claimed,
    r.started, r.lease, r.ended, r.result, tail_bytes, r.due, r.submitted, r.entry, r.score)
end

local function save(r, tail)
  call('SET', RECORD .. r.id, head(r, #tail) .. sub(r.bytes, HEAD_BYTES + 1, #r.bytes - r.tail) .. tail)
end

-- Is this the record of a RUNNING task under this very fence (attempt and token as the record has them)?
local function current(bytes, fence)
  return bytes and string.byte(bytes) == RUNNING and sub(bytes, FENCE_AT, FENCE_AT + 11) == fence
end

local function score_of(priority, sequence)
  return (200 - priority) * BAND + sequence
end

local function next_score(priority)
  return score_of(priority, call('HINCRBY', P .. 'n', 'sequence', 1))
end

-- Who claimed a RUNNING task, and the worker that holds it ('' where unknown).
local function holder(r)
  local tail = sub(r.bytes, #r.bytes - r.tail + 1)
  local split = string.find(tail, '\0', 1, true)
  return sub(tail, 1, split - 1), sub(tail, split + 1)
end

-- `text` = worker NUL reason NUL message.
local function note(r, text)
  local key = P .. 'h:' .. r.id
  call('RPUSH', key, pack('<I4I6', r.attempt, now) .. text)
  call('LTRIM', key, -HISTORY_KEPT, -1)
end

local function wait_in(lane, by)
  depths[lane] = (depths[lane] or 0) + by
end

-- Entries of a lane are runs: tasks of one priority whose scores follow each other, by the score of the first. Runs never
-- overlap, for only a first task is taken off one or a run is cut in two; so the first entry begins with the lane's best task.
local function enqueue(lane, score, ids)
  call('ZADD', QUEUE .. lane, score, ids)
  wait_in(lane, #ids / ID_BYTES)
  woken[lane] = true
end

-- Takes one task out of its run, which is the last one that begins at its score or before.
local function dequeue(r)
  local key = QUEUE .. r.lane
  local found = call('ZRANGE', key, r.score, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
  local run, first = found[1], tonumber(found[2])
  local at = run and (r.score - first) * ID_BYTES
  if not run or sub(run, at + 1, at + ID_BYTES) ~= packed(r.id) then return end
  call('ZREM', key, run)
  if at > 0 then call('ZADD', key, first, sub(run, 1, at)) end
  if at + ID_BYTES < #run then call('ZADD', key, r.score + 1, sub(run, at + ID_BYTES + 1)) end
  wait_in(r.lane, -1)
end

-- Takes a task out of all that its state put it in.
local function leave(r)
  count(STATE_COUNTER[r.state], -1)
  if r.state == RUNNING then return end
  count('bytes', -r.args)
  if r.expires > 0 then call('ZREM', P .. 'exp', r.id) end
  if r.state == QUEUED then
    -- What a claim looks at it has taken off its run already.
    if not r.taken then dequeue(r) end
  else
    call('ZREM', P .. 'due', r.id)
  end
end

-- Puts a task into the indexes of a waiting state.
local function enter(r)
  count(STATE_COUNTER[r.state], 1)
  count('bytes', r.args)
  if r.expires > 0 then call('ZADD', P .. 'exp', r.expires, r.id) end
  if r.state == QUEUED then
    enqueue(r.lane, r.score, packed(r.id))
  else
    call('ZADD', P .. 'due', r.due, r.id)
  end
end

-- Back to wait, its fence void. The caller has set score and counters.
local function put_back(r, state, due)
  leave(r)
  r.state, r.due, r.token, r.claimed, r.started, r.lease = state, due, NO_TOKEN, 0, 0, 0
  enter(r)
  save(r, '')
end

-- Payloads live as long as their task, which ends at `at` (0 = for ever).
local function keep_payloads(id, at)
  for _, kind in ipairs({ 'a:', 'e:', 'l:', 'h:' }) do
    if at > 0 then
      call('PEXPIREAT', P .. kind .. id, at + PAYLOAD_GRACE)
    else
      call('PERSIST', P .. kind .. id)
    end
  end
end

local function delete_at(at, id)
  local ids = deletions[at]
  if not ids then
    ids = {}
    deletions[at] = ids
  end
  ids[#ids + 1] = id
end

-- The end. `bytes` is the end, or false where it waits under b:<id>. The caller has set token and counters, `plain`
-- where neither output nor history can have been written, and `packed` where it has the id so.
local function end_task(r, state, kind, bytes)
  leave(r)
  r.state, r.kind, r.ended, r.lease = state, kind, now, 0
  local inside = bytes and #bytes <= END_INSIDE
  save(r, inside and bytes or '')
  local at = r.pinned == 0 and now + r.ttl or 0
  if at > 0 then delete_at(at, r.packed or packed(r.id)) end
  if not inside then
    if bytes then
      call('SET', P .. 'e:' .. r.id, bytes)
    else
      call('RENAME', P .. 'b:' .. r.id, P .. 'e:' .. r.id)
    end
  end
  -- The common case is a record and nothing else: small arguments and end, no output, no history.
  if not (inside and r.inline and r.plain) then keep_payloads(r.id, at) end
  count('ended:' .. kind, 1)
  ends[#ends + 1] = {
    pack('<BBI6BI2B', state, kind, now, r.shape, r.group_bytes, r.fn_bytes) .. r.id
      .. sub(r.bytes, r.group_at, r.group_at + r.group_bytes + r.fn_bytes - 1),
    bytes and #bytes <= RIDE_ALONG and bytes or '',
  }
end

-- An end that no attempt made. `bytes` lacks the worker, which is whoever holds it now.
local function end_by_platform(r, state, kind, bytes)
  local worker = r.state == RUNNING and select(2, holder(r)) or ''
  r.token = NO_TOKEN
  end_task(r, state, kind, pack('B', #worker) .. worker .. bytes)
end

-- The holder is gone without a word: back to the queue, or the end after too often (at once for at-most-once).
local function abandon(r, limit, lost_kind, message, lost, lost_once)
  note(r, select(2, holder(r)) .. '\0abandoned\0' .. message)
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
    call('PUBLISH', channel, message)
  end
end

-- Ends one after the other, as hints.ts reads them; `with_bytes` = each with its small result.
local function ends_told(with_bytes)
  local parts = {}
  for i, it in ipairs(ends) do
    local bytes = with_bytes and it[2] or ''
    parts[i] = it[1] .. pack('<I4', #bytes) .. bytes
  end
  return table.concat(parts)
end

-- Last lines of every act: one entry for all ends, deletions, counters, lanes, then the announcements. The answer is
-- { announcements, answer }.
local function answer(value)
  if #ends > 0 then
    call('XADD', P .. 'ev', '*', 'e', ends_told(false), 'n', #ends)
    count('events', #ends)
  end
  for at, ids in pairs(deletions) do call('ZADD', P .. 'del', at, table.concat(ids)) end
  for name, by in pairs(counts) do
    if by ~= 0 then call('HINCRBY', P .. 'n', name, by) end
  end
  for lane, by in pairs(depths) do
    if by ~= 0 and call('HINCRBY', P .. 'lanes', lane, by) <= 0 then call('HDEL', P .. 'lanes', lane) end
  end
  if #canceled > 0 then announce('mpcsfaas:hints', 'c' .. table.concat(canceled)) end
  if #ends > 0 then announce('mpcsfaas:hints', 'e' .. ends_told(true)) end
  local lanes = {}
  for lane in pairs(woken) do lanes[#lanes + 1] = lane end
  if #lanes > 0 then announce('mpcsfaas:hints', 'w' .. table.concat(lanes, '\n')) end
  return { told, value }
end
