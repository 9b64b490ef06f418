#!lua flags=no-writes
-- depths: what waits in each lane, and since when.
-- answers three a lane: lane, how many, submission time of the oldest
local out = {}
for _, lane in ipairs(redis.call('SMEMBERS', P .. 'lanes')) do
  local key = P .. 'q:' .. lane
  -- The first of each priority waits longest of its priority; one look a priority in use finds the oldest of all.
  local oldest, first = 0, redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  while first[1] do
    local r = load(first[1])
    if r and (oldest == 0 or r.submitted < oldest) then oldest = r.submitted end
    local next_band = (math.floor(tonumber(first[2]) / BAND) + 1) * BAND
    first = redis.call('ZRANGE', key, next_band, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
  end
  out[#out + 1] = lane
  out[#out + 1] = redis.call('ZCARD', key)
  out[#out + 1] = oldest
end
return { {}, out }
