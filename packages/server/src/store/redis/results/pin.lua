-- flags: allow-oom
-- pin: keeps an ended task, or lets it go with its retention again.
-- ARGV[2] id  [3] 1 or 0
-- answers 1, or 0 where there is no such task
local r = load(ARGV[2])
if not r then return answer(0) end
local pinned = tonumber(ARGV[3])
call('SETRANGE', RECORD .. r.id, 1, pack('B', pinned))
if r[STATE] > RUNNING then
  if pinned == 1 then
    -- Its entry in `del` stays: the sweep asks the record.
    keep_payloads(r.id, 0)
  else
    delete_at(r[ENDED] + r[TTL], packed(r.id))
    keep_payloads(r.id, math.max(now, r[ENDED] + r[TTL]))
  end
end
return answer(1)
