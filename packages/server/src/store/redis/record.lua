-- A task's record and the moves that every act is made of. library.ts makes one library of this and all acts, whose files hold
-- the lines of one function each; what stands here in the plain is made once, when the library is loaded.
--
-- KEYS[1]  the declared prefix `{s<n>}:<tenant>:`. An act touches keys that begin with it, and no other.
-- ARGV[1]  how ends and work are announced: '0' = on channels of the server, '2' = on the shard's own (in a Cluster), '1' = not
--          here: the announcements are returned (they wait for the replicas); '3' = nor here, and the answer waits for them, too.
--
-- Keys under the prefix (docs/decisions tell why):
--   t:<id> record  a:<id> arguments and e:<id> end that the record does not hold itself  h:<id> history  l:<id> logs
--   said  written by every act that waits for replicas
--   b:<name> large bytes on their way in  k:<digest of name> idempotency key  g:<group> ids of a group
--   q:<lane> runs of waiting tasks by the score of their first  lanes  lane → how many wait
--   due  DELAYED by time  exp  waiting and never started, by expires_at  n counters  ev events  evfloor  ref  digest → tasks
--   lease  del  all   entries that name a script's tasks: claimed or renewed by lease end, ended by time of deletion,
--                     submitted by time of their ids
--
-- Where an entry names several tasks (q, lease, del, all) it is their ids, packed to 16 bytes each, one after the other.
-- An entry of lease or del is a hint about time, the record is the truth: RUNNING tasks have an entry at the lease end that
-- their record tells, ended ones that are not pinned have one at their deletion; whatever else is named is let be.
-- Redis has no global names while the library is loaded, so these are set when an act begins.
local call, pack, from_bytes, sub

local QUEUED, DELAYED, RUNNING, COMPLETED, FAILED, CANCELED = 0, 1, 3, 4, 5, 6
local STATE_COUNTER = { [0] = 'state:QUEUED', 'state:DELAYED', 'state:BLOCKED', 'state:RUNNING' }
local NO_TOKEN, NO_BYTES = ('\0'):rep(8), ('\0'):rep(4)
local ID_BYTES = 16
local BAND = 2 ^ 43
-- How much longer than its task a payload may live, ms: the sweep deletes first, this is for when nobody sweeps.
local PAYLOAD_GRACE = 3600000
local HISTORY_KEPT = 32
-- KIND of a task that has not ended: an attempt of it is known to have been started, so it does not expire any more.
local BEGUN = 255
local RIDE_ALONG = 1024
-- An end of at most this many bytes stands in the record.
local END_INSIDE = 512
-- Entries of `all` hold ids of one stretch of so many ms, and share its number times this much as their scores' base.
local STRETCH, STRETCH_ENTRIES = 16, 4096

-- A record is read into the list of its fields; these are their places in it. First the head, which changes:
local STATE, PINNED, KIND, ABANDONMENTS, LOSSES, RETRIES, ATTEMPT, TOKEN, CLAIMED = 1, 2, 3, 4, 5, 6, 7, 8, 9
local STARTED, LEASE, ENDED, RESULT, TAIL_BYTES, DUE, SUBMITTED, ENTRY, SCORE = 10, 11, 12, 13, 14, 15, 16, 17, 18
local HEAD, HEAD_FIELDS, HEAD_BYTES = '<BBBBI2I2I4c8I6I6I6I6I5I2I6I6I2I7', 18, 72
-- Then what does not: the task's own, and what it shares with others of its request, of which PRIORITY is 100 too high, and the last
-- four are lengths of strings, which begin at TEXT.
local ARGS, SHAPE, KEY_BYTES = 19, 20, 21
local EXPIRES, PRIORITY, MAX_ATTEMPTS, TTL, LANE_BYTES, DIGEST_BYTES, GROUP_BYTES, FUNCTION_BYTES, TEXT = 22, 23, 24, 25, 26, 27, 28, 29, 30
local OWN, SHARED = '<I5BB', '<I6BI2I6I2BI2B'
local WHOLE = HEAD .. OWN:sub(2) .. SHARED:sub(2)
-- After what is shared come the arguments, where the record holds them, and the digest of the key. The record ends with its tail:
-- the worker that holds a RUNNING task ('' where unknown), of an ended one its end where that is small.

-- Where some fields begin in the bytes, counted from 1.
local KIND_AT, FENCE_AT, STARTED_AT, LEASE_AT, CLAIMER_AT, TAIL_AT, SCORE_AT = 3, 9, 27, 33, 39, 50, 66
-- Where ENDED and RESULT of an ended task stand, a RUNNING one has the digest of who claimed it.
local CLAIMER_BYTES = 11
local SHAPE_AT, TEXT_AT, FROM_SHAPE = HEAD_BYTES + 6, HEAD_BYTES + 29, '<BB' .. SHARED:sub(2)
local FROM_SCORE = '<I7' .. OWN:sub(2) .. 'I6'

-- Of the act that runs: what it was called with, its keys' beginnings, the server's time in ms, and what it has come to so far.
local ARGV, P, RECORD, QUEUE, OWN_CHANNELS, DURABLE, QUIET, now
-- `counters` = what the act has read of `n`, `counts` = by how much it changes them; both are empty when it begins.
local counters, counts, depths, woken, deletions, ended, canceled, told
-- What the event log and what the hint says of each end.
local events, ends

-- What is read of an argument that holds many things one after another: up to where, and the argument after it that comes next.
local many, at, next_apart
-- The length of a string that is an argument of its own.
local APART = 65535

local function begin(keys, arguments)
  call, pack, from_bytes, sub = redis.call, struct.pack, struct.unpack, string.sub
  ARGV, P = arguments, keys[1]
  RECORD, QUEUE = P .. 't:', P .. 'q:'
  OWN_CHANNELS, DURABLE = ARGV[1] == '2', ARGV[1] == '3'
  QUIET = DURABLE or ARGV[1] == '1'
  local clock = call('TIME')
  now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  counters, counts, depths, woken, deletions, ended, canceled, told = {}, {}, {}, {}, {}, {}, {}, {}
  events, ends = {}, {}
end

-- An act under the name that callers know it by. `flags` as Redis has them: without 'allow-oom' it is refused at maxmemory.
local function act(name, flags, run)
  local function called(keys, arguments)
    begin(keys, arguments)
    return run()
  end
  redis.register_function({ function_name = name, callback = called, flags = flags })
end

local function read_many(first)
  many, at, next_apart = ARGV[first], 1, first + 1
end

-- The string of this length that comes next in `many`.
local function text(length)
  if length == 0 then return '' end
  if length == APART then
    next_apart = next_apart + 1
    return ARGV[next_apart - 1]
  end
  at = at + length
  return sub(many, at - length, at - 1)
end

local function count(name, by)
  counts[name] = (counts[name] or 0) + by
end

-- Reads the named counters that have not been read yet, in one call.
local function look_at(names)
  local unread = {}
  for _, name in ipairs(names) do
    if not counters[name] then unread[#unread + 1] = name end
  end
  if #unread == 0 then return end
  local found = call('HMGET', P .. 'n', unpack(unread))
  for i, name in ipairs(unread) do counters[name] = tonumber(found[i] or 0) end
end

-- What all that the act has counted leaves them at, in one write.
local function keep_counts()
  local names, fields = {}, {}
  for name, by in pairs(counts) do
    if by ~= 0 then names[#names + 1] = name end
  end
  if #names == 0 then return end
  look_at(names)
  for i, name in ipairs(names) do
    fields[2 * i - 1], fields[2 * i] = name, counters[name] + counts[name]
  end
  call('HSET', P .. 'n', unpack(fields))
end

-- An id as the entries of indexes hold it, and back.
local function packed(id)
  return pack('>I4I2I2I2I6', tonumber(sub(id, 1, 8), 16), tonumber(sub(id, 10, 13), 16), tonumber(sub(id, 15, 18), 16),
    tonumber(sub(id, 20, 23), 16), tonumber(sub(id, 25), 16))
end

local HEX = {}
for byte = 0, 255 do HEX[byte] = ('%02x'):format(byte) end

-- (By a table of digits, for it is done for every task that is claimed or looked at by a sweep.)
local function unpacked(bytes, at)
  local a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p = string.byte(bytes, at, at + 15)
  return HEX[a] .. HEX[b] .. HEX[c] .. HEX[d] .. '-' .. HEX[e] .. HEX[f] .. '-' .. HEX[g] .. HEX[h] .. '-' .. HEX[i] .. HEX[j]
    .. '-' .. HEX[k] .. HEX[l] .. HEX[m] .. HEX[n] .. HEX[o] .. HEX[p]
end

-- Besides its fields: `id`, `bytes`, and what acts know of a task: `packed` = the id so, `plain` = neither output nor history
-- can have been written, `taken` = off its run already, `waits` = the key under which its large end is on its way in.
local function read(id, bytes)
  return { id = id, bytes = bytes, packed = false, plain = false, taken = false, waits = false, from_bytes(WHOLE, bytes) }
end

local function is_once(r)
  return r[SHAPE] % 2 == 1
end

local function is_inline(shape)
  return shape % 32 >= 16
end

local function lane_of(r)
  return sub(r.bytes, r[TEXT], r[TEXT] + r[LANE_BYTES] - 1)
end

local function digest_of(r)
  local at = r[TEXT] + r[LANE_BYTES]
  return sub(r.bytes, at, at + r[DIGEST_BYTES] - 1)
end

local function key_of(r)
  local ends_at = #r.bytes - r[TAIL_BYTES]
  return sub(r.bytes, ends_at - r[KEY_BYTES] + 1, ends_at)
end

local function group_at(r)
  return r[TEXT] + r[LANE_BYTES] + r[DIGEST_BYTES]
end

local function group_of(r)
  return sub(r.bytes, group_at(r), group_at(r) + r[GROUP_BYTES] - 1)
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

-- Writes the record with what has changed in its head, and a new tail. (18 fields: a bounded unpack.)
local function save(r, tail)
  local rest = sub(r.bytes, HEAD_BYTES + 1, #r.bytes - r[TAIL_BYTES])
  r[TAIL_BYTES] = #tail
  call('SET', RECORD .. r.id, pack(HEAD, unpack(r, 1, HEAD_FIELDS)) .. rest .. tail)
end

-- Is this the record of a RUNNING task under this very fence (attempt and token as the record has them)?
local function current(bytes, fence)
  return bytes and string.byte(bytes) == RUNNING and sub(bytes, FENCE_AT, FENCE_AT + 11) == fence
end

local function score_of(priority, sequence)
  return (200 - priority) * BAND + sequence
end

local function next_score(priority)
  look_at({ 'sequence' })
  count('sequence', 1)
  return score_of(priority, counters.sequence + counts.sequence)
end

-- The worker that holds a RUNNING task.
local function holder(r)
  return sub(r.bytes, #r.bytes - r[TAIL_BYTES] + 1)
end

-- `text` = worker NUL reason NUL message.
local function note(r, text)
  local key = P .. 'h:' .. r.id
  call('RPUSH', key, pack('<I4I6', r[ATTEMPT], now) .. text)
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
  local key = QUEUE .. lane_of(r)
  local found = call('ZRANGE', key, r[SCORE], '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
  local run, first = found[1], tonumber(found[2])
  local at = run and (r[SCORE] - first) * ID_BYTES
  if not run or sub(run, at + 1, at + ID_BYTES) ~= packed(r.id) then return end
  call('ZREM', key, run)
  if at > 0 then call('ZADD', key, first, sub(run, 1, at)) end
  if at + ID_BYTES < #run then call('ZADD', key, r[SCORE] + 1, sub(run, at + ID_BYTES + 1)) end
  wait_in(lane_of(r), -1)
end

local function may_expire(r)
  return r[EXPIRES] > 0 and r[KIND] ~= BEGUN
end

-- Takes a task out of all that its state put it in.
local function leave(r)
  count(STATE_COUNTER[r[STATE]], -1)
  if r[STATE] == RUNNING then return end
  count('bytes', -r[ARGS])
  if may_expire(r) then call('ZREM', P .. 'exp', r.id) end
  if r[STATE] == QUEUED then
    -- What a claim looks at it has taken off its run already.
    if not r.taken then dequeue(r) end
  else
    call('ZREM', P .. 'due', r.id)
  end
end

-- Puts a task into the indexes of a waiting state.
local function enter(r)
  count(STATE_COUNTER[r[STATE]], 1)
  count('bytes', r[ARGS])
  if may_expire(r) then call('ZADD', P .. 'exp', r[EXPIRES], r.id) end
  if r[STATE] == QUEUED then
    enqueue(lane_of(r), r[SCORE], packed(r.id))
  else
    call('ZADD', P .. 'due', r[DUE], r.id)
  end
end

-- Back to wait, its fence void. The caller has set score and counters.
local function put_back(r, state, due)
  leave(r)
  if r[STARTED] > 0 or r[LOSSES] > 0 or r[RETRIES] > 0 then r[KIND] = BEGUN end
  r[STATE], r[DUE], r[TOKEN], r[CLAIMED], r[STARTED], r[LEASE], r[ENDED], r[RESULT] = state, due, NO_TOKEN, 0, 0, 0, 0, 0
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

-- For the event log and the hint. `about` = the task's group, of so many bytes, and its function; `bytes` = the end, or false.
local function tell_end(id, state, kind, shape, about, group_bytes, bytes)
  ended[kind] = (ended[kind] or 0) + 1
  local facts = pack('<BBI6BI2B', state, kind, now, shape, group_bytes, #about - group_bytes) .. id .. about
  events[#events + 1] = facts .. NO_BYTES
  ends[#ends + 1] = (bytes and #bytes <= RIDE_ALONG) and facts .. pack('<I4', #bytes) .. bytes or facts .. NO_BYTES
end

-- The end. `bytes` is the end, or false where it waits under the key `r.waits`; `result` = size of its result. The caller has set token and counters, `plain`
-- where neither output nor history can have been written, and `packed` where it has the id so.
local function end_task(r, state, kind, bytes, result)
  local attempts_before = r[STATE] == RUNNING and r[ATTEMPT] - 1 or r[ATTEMPT]
  leave(r)
  r[STATE], r[KIND], r[ENDED], r[LEASE], r[RESULT] = state, kind, now, 0, result
  local inside = bytes and #bytes <= END_INSIDE
  save(r, inside and bytes or '')
  local at = r[PINNED] == 0 and now + r[TTL] or 0
  if at > 0 then delete_at(at, r.packed or packed(r.id)) end
  if not inside then
    if bytes then
      call('SET', P .. 'e:' .. r.id, bytes)
    else
      call('RENAME', r.waits, P .. 'e:' .. r.id)
    end
  end
  -- The common case is a record and nothing else: small arguments and end, no output, no history.
  if not (inside and is_inline(r[SHAPE]) and r.plain) then keep_payloads(r.id, at) end
  local group_from = group_at(r)
  -- Of a failure after other attempts the whole story is read.
  local rides = state ~= FAILED or attempts_before <= 0
  tell_end(r.id, state, kind, r[SHAPE], sub(r.bytes, group_from, group_from + r[GROUP_BYTES] + r[FUNCTION_BYTES] - 1),
    r[GROUP_BYTES], rides and bytes)
end

-- What nearly every end is: an attempt's own, as small as the arguments, and neither output nor history can have been written.
-- From bytes to bytes, for this is done once a task. `packed_id` = the id as entries hold it.
local function end_plainly(id, packed_id, bytes, state, kind, started, result, end_bytes)
  local shape, _, _, _, _, ttl, lane_bytes, digest_bytes, group_bytes, function_bytes = from_bytes(FROM_SHAPE, bytes, SHAPE_AT)
  local pinned, tail_bytes = string.byte(bytes, 2), from_bytes('<I2', bytes, TAIL_AT)
  call('SET', RECORD .. id, pack('BBB', state, pinned, kind) .. sub(bytes, KIND_AT + 1, STARTED_AT - 1)
    .. pack('<I6I6I6I5I2', started, 0, now, result, #end_bytes) .. sub(bytes, TAIL_AT + 2, #bytes - tail_bytes) .. end_bytes)
  count(STATE_COUNTER[RUNNING], -1)
  if pinned == 0 then delete_at(now + ttl, packed_id) end
  local group_from = TEXT_AT + lane_bytes + digest_bytes
  tell_end(id, state, kind, shape, sub(bytes, group_from, group_from + group_bytes + function_bytes - 1), group_bytes, end_bytes)
end

-- An end that no attempt made. `bytes` lacks the worker, which is whoever holds it now.
local function end_by_platform(r, state, kind, bytes)
  local worker = r[STATE] == RUNNING and holder(r) or ''
  r[TOKEN] = NO_TOKEN
  end_task(r, state, kind, pack('B', #worker) .. worker .. bytes, 0)
end

-- The holder is gone without a word: back to the queue, or the end after too often (at once for at-most-once).
local function abandon(r, limit, lost_kind, message, lost, lost_once)
  note(r, holder(r) .. '\0abandoned\0' .. message)
  r[ABANDONMENTS] = r[ABANDONMENTS] + 1
  if is_once(r) or r[ABANDONMENTS] >= limit then
    end_by_platform(r, FAILED, lost_kind, is_once(r) and lost_once or lost)
  else
    put_back(r, QUEUED, 0)
    count('requeued:abandoned', 1)
  end
end

local function announce(channel, message)
  if QUIET then
    told[#told + 1] = channel
    told[#told + 1] = message
  elseif OWN_CHANNELS then
    call('SPUBLISH', string.match(P, '^{s%d+}:') .. channel, message)
  else
    call('PUBLISH', channel, message)
  end
end

-- A log has a name, the time of its first entry in µs: channels are common to the databases of a server, and prefixes to all logs
-- that are there one after the other. (Read with all that is counted, in one command.)
local function name_log()
  local names = { 'log' }
  for name in pairs(counts) do names[#names + 1] = name end
  look_at(names)
  if counters.log > 0 then return end
  local clock = call('TIME')
  count('log', clock[1] * 1e6 + clock[2])
end

-- Last lines of every act: one entry for all ends, deletions, counters, lanes, then the announcements. The answer is
-- { announcements, answer }.
local function answer(value)
  local entry
  if #ends > 0 then
    entry = call('XADD', P .. 'ev', '*', 'e', table.concat(events), 'n', #ends)
    count('events', #ends)
    -- By which a listener knows that it has heard all (docs/decisions/0051): whatever writes to `ev` counts.
    count('logged', 1)
    for kind, by in pairs(ended) do count('ended:' .. kind, by) end
    name_log()
  end
  for at, ids in pairs(deletions) do call('ZADD', P .. 'del', at, table.concat(ids)) end
  keep_counts()
  for lane, by in pairs(depths) do
    if by ~= 0 and call('HINCRBY', P .. 'lanes', lane, by) <= 0 then call('HDEL', P .. 'lanes', lane) end
  end
  if #canceled > 0 then announce('mpcsfaas:work', 'c' .. table.concat(canceled)) end
  -- With their log, their place in it, and the how manieth entry that is: who has heard each has nothing to read there.
  if entry then
    local log = counters.log > 0 and counters.log or counts.log
    local place = pack('<dI6I2B', log, counters.logged + counts.logged, #P, #entry) .. P .. entry
    announce('mpcsfaas:ends', 'E' .. place .. table.concat(ends))
  end
  -- A repeat changes nothing, but what it answers must be on the replicas all the same: WAIT waits for this link's last write.
  if DURABLE then call('SET', P .. 'said', now) end
  local lanes = {}
  for lane in pairs(woken) do lanes[#lanes + 1] = lane end
  if #lanes > 0 then announce('mpcsfaas:work', 'w' .. table.concat(lanes, '\n')) end
  return { told, value }
end
