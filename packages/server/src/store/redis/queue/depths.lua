-- flags: no-writes
-- depths: what waits in each lane, and since when.
-- answers three a lane: lane, how many, submission time of the oldest
local out, lanes = {}, call('HGETALL', P .. 'lanes')
for i = 1, #lanes, 2 do
  local key = QUEUE .. lanes[i]
  -- The first of each priority waits longest of its priority; one look a priority in use finds the oldest of all.
  local oldest, first = 0, call('ZRANGE', key, 0, 0, 'WITHSCORES')
  while first[1] do
    local r = load(unpacked(first[1], 1))
    if r and (oldest == 0 or r[SUBMITTED] < oldest) then oldest = r[SUBMITTED] end
    local next_band = (math.floor(tonumber(first[2]) / BAND) + 1) * BAND
    first = call('ZRANGE', key, next_band, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
  end
  out[#out + 1] = lanes[i]
  out[#out + 1] = tonumber(lanes[i + 1])
  out[#out + 1] = oldest
end
return { {}, out }
