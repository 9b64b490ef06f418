-- flags: allow-oom
-- renew: extends the leases of those that are still current.
-- ARGV[2] lease ms; then four a task: id, fence (attempt and token), worker, started_at
-- answers 1 (current) or 0 for each
local until_ms, replies, renewed = now + tonumber(ARGV[2]), {}, {}
for at = 3, #ARGV, 4 do
  local id, bytes = ARGV[at], call('GET', RECORD .. ARGV[at])
  local is_current = current(bytes, ARGV[at + 1])
  if is_current then
    local worker, started = ARGV[at + 2], tonumber(ARGV[at + 3])
    renewed[#renewed + 1] = packed(id)
    -- A worker changes once an attempt, the times every second: they stand side by side and are overwritten in place.
    if from_bytes('<I2', bytes, TAIL_AT) == #worker and sub(bytes, #bytes - #worker + 1) == worker then
      call('SETRANGE', RECORD .. id, STARTED_AT - 1, pack('<I6I6', started, until_ms))
    else
      local r = read(id, bytes)
      r[STARTED], r[LEASE] = started, until_ms
      save(r, worker)
    end
  end
  replies[#replies + 1] = is_current and 1 or 0
end
if #renewed > 0 then call('ZADD', P .. 'lease', until_ms, table.concat(renewed)) end
return answer(replies)
