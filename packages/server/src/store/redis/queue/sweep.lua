-- flags: allow-oom
-- sweep: what time does to tasks.
-- ARGV[2] tasks of each kind at most  [3] until when leases may be looked at, ms  [4] kind and [5] end of an expired task  [6] limit of
--      abandonments  [7] kind of a lost task  [8] what the history notes  [9] end of one abandoned too often
--      [10] end of an at-most-once task  [11] how long and [12] how many events are kept  [13] lease, ms
-- answers { now, promoted, expired, abandoned, deleted, 1 = there may be more, ms until the next one is due or expires or -1 }
local limit, more = tonumber(ARGV[2]), false

-- The tasks whose time in this index of single ids has come, each given to `act`; answers how many.
local function each_due(index, act)
  local ids = call('ZRANGE', P .. index, '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
  for _, id in ipairs(ids) do
    local r = load_from(index, id)
    if r then act(r) end
  end
  more = more or #ids >= limit
  return #ids
end

-- The same for an index whose entries name several tasks. `act` looks at the record and says whether time has come for
-- it; answers for how many it had.
local function each_named(index, act)
  local key, looked, acted = P .. index, 0, 0
  while looked < limit do
    local entry = call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
    local ids, room = entry[1], (limit - looked) * ID_BYTES
    if not ids then return acted end
    call('ZREM', key, ids)
    -- Just those may have an entry of their own, of a later time, which is the one that holds.
    if #ids > room then call('ZADD', key, 'GT', entry[2], sub(ids, room + 1)) end
    for at = 1, math.min(#ids, room), ID_BYTES do
      looked = looked + 1
      if act(unpacked(ids, at), sub(ids, at, at + ID_BYTES - 1)) then acted = acted + 1 end
    end
  end
  more = true
  return acted
end

local expired = each_due('exp', function(r)
  -- A program of another version may have left an entry of a task that was started.
  if r[STATE] >= RUNNING or not may_expire(r) then call('ZREM', P .. 'exp', r.id)
  else end_by_platform(r, FAILED, tonumber(ARGV[4]), ARGV[5]) end
end)

local promoted = each_due('due', function(r)
  put_back(r, QUEUED, 0)
end)

local abandoned = now > tonumber(ARGV[3]) and 0 or each_named('lease', function(id)
  -- Most of what an old entry names has ended: its first bytes tell.
  local start = call('GETRANGE', RECORD .. id, 0, LEASE_AT + 4)
  if string.byte(start) ~= RUNNING or from_bytes('<I6', start, LEASE_AT) > now then return false end
  abandon(load(id), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], ARGV[9], ARGV[10])
  return true
end)

-- Leases that end later than any that is given now were given before the clock was set back (or by a master whose clock is
-- ahead of this one's). They hold one lease time from now on, in which those who live renew theirs.
local lease_end, lease_looked = now + tonumber(ARGV[13]), 0
while lease_looked < limit do
  local ids = call('ZRANGE', P .. 'lease', '+inf', '(' .. lease_end + tonumber(ARGV[13]), 'BYSCORE', 'REV', 'LIMIT', 0, 1)[1]
  if not ids then break end
  call('ZREM', P .. 'lease', ids)
  local held = {}
  for at = 1, #ids, ID_BYTES do
    local key = RECORD .. unpacked(ids, at)
    local start = call('GETRANGE', key, 0, LEASE_AT + 4)
    if string.byte(start) == RUNNING and from_bytes('<I6', start, LEASE_AT) > lease_end then
      call('SETRANGE', key, LEASE_AT - 1, pack('<I6', lease_end))
      held[#held + 1] = sub(ids, at, at + ID_BYTES - 1)
    end
  end
  if #held > 0 then call('ZADD', P .. 'lease', lease_end, table.concat(held)) end
  lease_looked = lease_looked + #ids / ID_BYTES
end
more = more or lease_looked >= limit

-- Of what is deleted, by their entry in `all` and by their code.
local listed, references = {}, {}

local deleted = each_named('del', function(id, packed_id)
  local r = load(id)
  if not r or r[STATE] <= RUNNING or r[PINNED] == 1 or r[ENDED] + r[TTL] > now then return false end
  local stretch = math.floor(from_bytes('>I6', packed_id) / STRETCH)
  local score = stretch * STRETCH_ENTRIES + r[ENTRY]
  listed[score] = listed[score] or {}
  listed[score][packed_id] = true
  local digest = digest_of(r)
  references[digest] = (references[digest] or 0) + 1
  if r[GROUP_BYTES] > 0 then call('ZREM', P .. 'g:' .. group_of(r), id) end
  if r[KEY_BYTES] > 0 then
    local key = P .. 'k:' .. key_of(r)
    local known = call('GET', key)
    if known and sub(known, 1, 36) == id then call('DEL', key) end
  end
  call('UNLINK', RECORD .. id, P .. 'a:' .. id, P .. 'e:' .. id, P .. 'h:' .. id, P .. 'l:' .. id)
  return true
end)

-- Each entry is written once without all that it loses; more than one has a score only where 4096 tasks share a stretch.
for score, gone in pairs(listed) do
  for _, ids in ipairs(call('ZRANGE', P .. 'all', score, score, 'BYSCORE')) do
    local kept = {}
    for at = 1, #ids, ID_BYTES do
      local packed_id = sub(ids, at, at + ID_BYTES - 1)
      if not gone[packed_id] then kept[#kept + 1] = packed_id end
    end
    local rest = table.concat(kept)
    if #rest < #ids then
      call('ZREM', P .. 'all', ids)
      if rest ~= '' then call('ZADD', P .. 'all', score, rest) end
    end
  end
end
for digest, by in pairs(references) do
  if call('HINCRBY', P .. 'ref', digest, -by) <= 0 then call('HDEL', P .. 'ref', digest) end
end

-- Events are trimmed here and nowhere else, whole entries at a time: evfloor is the last one that is gone, so a reader
-- knows what it has missed.
local ENTRIES_AT_ONCE, MOST_EVENTS = 16, 4 * limit
local kept, trimmed, floor = tonumber(call('HGET', P .. 'n', 'events') or 0), 0, false
repeat
  local looked = call('XRANGE', P .. 'ev', '-', '+', 'COUNT', trimmed == 0 and 1 or ENTRIES_AT_ONCE)
  local stale = 0
  for _, entry in ipairs(looked) do
    local size = tonumber(entry[2][4])
    if tonumber(string.match(entry[1], '^%d+')) >= now - tonumber(ARGV[11]) and kept - size < tonumber(ARGV[12]) then break end
    floor = entry[1]
    call('XDEL', P .. 'ev', floor)
    kept, trimmed, stale = kept - size, trimmed + size, stale + 1
  end
until stale == 0 or stale < #looked or trimmed >= MOST_EVENTS
more = more or trimmed >= MOST_EVENTS
count('events', -trimmed)
if floor then call('SET', P .. 'evfloor', floor) end

local next_ms = -1
for _, index in ipairs({ 'due', 'exp' }) do
  local at = tonumber(call('ZRANGE', P .. index, 0, 0, 'WITHSCORES')[2])
  if at and (next_ms < 0 or at - now < next_ms) then next_ms = math.max(0, at - now) end
end

return answer({ now, promoted, expired, abandoned, deleted, more and 1 or 0, next_ms })
