-- flags: allow-oom
-- claim: hands out the best waiting tasks of several lanes, in one order.
-- ARGV[2] digest of the claimer  [3] max  [4] lease ms  [5] bytes of arguments that may ride along  [6] bytes of arguments in all
--      [7] first token, 8 bytes: the last four are counted up from task to task  [8] kind and [9] end of a task that expired
--      [10] 0, or how many ms ago this very claim was made before, without an answer; then two a lane: lane, quota
-- answers 1 where more tasks within the quotas wait, else 0; ids as entries hold them and the beginnings of their records, each one
--      after the other; the records, which need not begin so; and for those whose arguments are not inside these (false = read them
--      outside). A repeat answers what the first one handed out, if that was something.
local max, lease = tonumber(ARGV[3]), tonumber(ARGV[4])
local ride, room = tonumber(ARGV[5]), tonumber(ARGV[6])
local expired_kind, expired_end = tonumber(ARGV[8]), ARGV[9]
local MOST_RUNS_AT_ONCE, MOST_LOOKED_FOR, MOST_OTHERS = 32, 16384, 4

-- `run` = the one that begins with the lane's next task, `at` bytes of it taken, `score` that task's; `begun` runs at the
-- lane's front have been looked at, `page` are the next ones.
local lanes = {}
for i = 11, #ARGV, 2 do
  lanes[#lanes + 1] = { key = QUEUE .. ARGV[i], name = ARGV[i], quota = tonumber(ARGV[i + 1]), begun = 0, page = {}, next = 1,
    size = 2, more = true, taken = 0 }
end

local function next_run(lane)
  if lane.next > #lane.page and lane.more then
    lane.page = call('ZRANGE', lane.key, lane.begun, lane.begun + lane.size - 1, 'WITHSCORES')
    lane.next, lane.more = 1, #lane.page == 2 * lane.size
    lane.size = math.min(2 * lane.size, MOST_RUNS_AT_ONCE)
  end
  lane.run, lane.score, lane.at = lane.page[lane.next], tonumber(lane.page[lane.next + 1]), 0
  if lane.run then lane.next, lane.begun = lane.next + 2, lane.begun + 1 end
end

-- The lane whose next task is the best of all.
local function best()
  local found
  for i = 1, #lanes do
    local lane = lanes[i]
    if lane.quota > 0 and lane.score and (not found or lane.score < found.score) then found = lane end
  end
  return found
end

local handed, heads, records, payloads, claimed, looked, bytes_taken, again = {}, {}, {}, {}, 0, 0, 0, tonumber(ARGV[10])
local running = pack('B', RUNNING)
local token_start, token_count = sub(ARGV[7], 1, 4), from_bytes('<I4', ARGV[7], 5)
-- From `claimed` to the end of what a claim changes, the same for all. A task that waits has no tail.
local leased = pack('<I6I6I6', now, 0, now + lease) .. ARGV[2]

local function answer_with(id, packed_id, head, bytes, args, inline)
  claimed = claimed + 1
  handed[claimed], heads[claimed], records[claimed] = packed_id, head, bytes
  if inline then return end
  local rides = args <= ride
  payloads[#payloads + 1] = rides and call('GET', P .. 'a:' .. id)
  if rides then ride = ride - args end
end

local function handed_out(more)
  return answer({ more, table.concat(handed), table.concat(heads), records, payloads })
end

-- What the first time of this claim handed out and is held still, under a lease that begins now. All of it is in one entry, for nobody
-- else knows these tokens, and nothing else is: one that begins with tasks which run under others is what another claim or a renewal
-- left. Behind it, or far from where it must be, nothing is looked for.
local function hand_out_again()
  local seen, looked_for = {}, 0
  local entries = call('ZRANGE', P .. 'lease', now + lease - again, '+inf', 'BYSCORE', 'LIMIT', 0, MOST_LOOKED_FOR)
  for _, ids in ipairs(entries) do
    if claimed > 0 or looked_for >= MOST_LOOKED_FOR then break end
    local others = 0
    for at = 1, #ids, ID_BYTES do
      if claimed == 0 and others == MOST_OTHERS then break end
      looked_for = looked_for + 1
      local id = unpacked(ids, at)
      local token_at = FENCE_AT + 4
      local start = call('GETRANGE', RECORD .. id, 0, token_at + 6)
      local runs = string.byte(start) == RUNNING and not seen[id]
      if runs and sub(start, token_at, token_at + 3) == token_start
        and (from_bytes('<I4', start, token_at + 4) - token_count) % 2 ^ 32 < 256 then
        local bytes = call('GET', RECORD .. id)
        local head = sub(bytes, 1, LEASE_AT - 1) .. pack('<I6', now + lease) .. ARGV[2]
        local _, args, shape = from_bytes(FROM_SCORE, bytes, SCORE_AT)
        call('SETRANGE', RECORD .. id, 0, head)
        seen[id] = true
        answer_with(id, sub(ids, at, at + ID_BYTES - 1), head, bytes, args, is_inline(shape))
      elseif runs then
        others = others + 1
      end
    end
  end
  if claimed > 0 then call('ZADD', P .. 'lease', now + lease, table.concat(handed)) end
end

-- Only what changes is written: a string of Lua's costs by its bytes, and so does the server's log.
local function hand_out(id, packed_id, key, bytes, args, inline)
  local attempt, number = from_bytes('<I4', bytes, FENCE_AT) + 1, (token_count + claimed) % 2 ^ 32
  bytes_taken = bytes_taken + args
  room = room - args
  local head = running .. sub(bytes, 2, FENCE_AT - 1) .. pack('<I4c4I4', attempt, token_start, number) .. leased
  call('SETRANGE', key, 0, head)
  answer_with(id, packed_id, head, bytes, args, inline)
end

if again > 0 then hand_out_again() end
if claimed > 0 then return handed_out(1) end

for _, lane in ipairs(lanes) do
  if lane.quota > 0 then next_run(lane) end
end

-- Expired tasks take no place, but their number a call is bounded.
while claimed < max and looked - claimed < 256 do
  local lane = best()
  if not lane then break end
  local id = unpacked(lane.run, lane.at + 1)
  local key = RECORD .. id
  local bytes = call('GET', key)
  local score, args, shape, _, expires
  if bytes then score, args, shape, _, expires = from_bytes(FROM_SCORE, bytes, SCORE_AT) end
  if bytes and args > room and claimed > 0 then break end
  local packed_id, expected = sub(lane.run, lane.at + 1, lane.at + ID_BYTES), lane.score
  lane.at, lane.score, lane.taken, looked = lane.at + ID_BYTES, lane.score + 1, lane.taken + 1, looked + 1
  if lane.at == #lane.run then next_run(lane) end
  -- An entry without a record (a server that evicts), or one that the record does not know of, is dropped.
  if bytes and string.byte(bytes) == QUEUED and score == expected then
    local may_expire = expires > 0 and string.byte(bytes, KIND_AT) ~= BEGUN
    if may_expire and expires <= now then
      local r = read(id, bytes)
      r.taken, r.packed = true, packed_id
      end_by_platform(r, FAILED, expired_kind, expired_end)
    else
      if may_expire then call('ZREM', P .. 'exp', id) end
      hand_out(id, packed_id, key, bytes, args, is_inline(shape))
      lane.quota = lane.quota - 1
    end
  end
end

for _, lane in ipairs(lanes) do
  if lane.begun > 0 and lane.taken > 0 then
    -- A run of which nothing was taken stays as it is; what is left of one goes back under its next task's score.
    local whole = lane.run and lane.at == 0
    call('ZREMRANGEBYRANK', lane.key, 0, lane.begun - (whole and 2 or 1))
    if lane.run and not whole then call('ZADD', lane.key, lane.score, sub(lane.run, lane.at + 1)) end
    wait_in(lane.name, -lane.taken)
  end
end
if claimed > 0 then
  count(STATE_COUNTER[QUEUED], -claimed)
  count(STATE_COUNTER[RUNNING], claimed)
  count('bytes', -bytes_taken)
  call('ZADD', P .. 'lease', now + lease, table.concat(handed))
end
return handed_out(best() and 1 or 0)
