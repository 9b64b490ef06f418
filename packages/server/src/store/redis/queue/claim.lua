#!lua flags=allow-oom
-- claim: hands out the best waiting tasks of several lanes, in one order.
-- ARGV[2] claimer  [3] max  [4] lease ms  [5] bytes of arguments that may ride along  [6] bytes of arguments in all
--      [7] tokens, 8 bytes each, at least max  [8] kind and [9] end of a task that expired; then two a lane: lane, quota
-- answers three a task: id, record, arguments (false = in the record, or read them outside); the nth has the nth token
local claimer, max, lease = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local ride, room = tonumber(ARGV[5]), tonumber(ARGV[6])
local expired_kind, expired_end = tonumber(ARGV[8]), ARGV[9]
local lanes = {}
for i = 10, #ARGV, 2 do lanes[#lanes + 1] = { name = ARGV[i], quota = tonumber(ARGV[i + 1]), ids = {}, at = 1, more = true } end

local out, claimed, looked = {}, 0, 0

-- Whatever has been looked at has left the zset, so the next look at a lane begins at its front again.
local function refill(lane)
  local wanted = math.min(lane.quota, max - claimed)
  lane.at = 1
  lane.ids = redis.call('ZRANGE', P .. 'q:' .. lane.name, 0, wanted - 1, 'WITHSCORES')
  lane.more = #lane.ids == 2 * wanted
end

-- The lane whose next task is the best of all.
local function best()
  local found
  for _, lane in ipairs(lanes) do
    if lane.quota > 0 then
      if lane.at > #lane.ids and lane.more then refill(lane) end
      local score = tonumber(lane.ids[lane.at + 1])
      if score and (not found or score < found.score) then found = { lane = lane, score = score } end
    end
  end
  return found and found.lane
end

local function hand_out(r)
  claimed = claimed + 1
  leave(r)
  r.state, r.attempt, r.claimed, r.started = RUNNING, r.attempt + 1, now, 0
  r.token = string.sub(ARGV[7], claimed * 8 - 7, claimed * 8)
  count('state:RUNNING', 1)
  redis.call('HSET', P .. 'run', r.id, claimer .. '\0')
  redis.call('ZADD', P .. 'lease', now + lease, r.id)
  save(r)
  local bytes = false
  if not r.inline and r.args <= ride then
    bytes = redis.call('GET', P .. 'a:' .. r.id)
    ride = ride - r.args
  end
  room = room - r.args
  out[#out + 1] = r.id
  out[#out + 1] = head(r) .. string.sub(r.bytes, #head(r) + 1)
  out[#out + 1] = bytes
end

-- Expired tasks take no place, but their number a call is bounded.
while claimed < max and looked - claimed < 256 do
  local lane = best()
  if not lane then break end
  local r = load_from('q:' .. lane.name, lane.ids[lane.at])
  if r and r.args > room and claimed > 0 then break end
  lane.at = lane.at + 2
  looked = looked + 1
  if r and r.expires > 0 and r.expires <= now then
    end_by_platform(r, FAILED, expired_kind, expired_end)
  elseif r then
    hand_out(r)
    lane.quota = lane.quota - 1
  end
end
return answer(out)
