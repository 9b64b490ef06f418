#!lua flags=allow-oom
-- pin: keeps an ended task, or lets it go with its retention again.
-- ARGV[2] id  [3] 1 or 0
-- answers 1, or 0 where there is no such task
local r = load(ARGV[2])
if not r then return answer(0) end
r.pinned = tonumber(ARGV[3])
save(r)
if r.state > RUNNING then
  if r.pinned == 1 then
    redis.call('ZREM', P .. 'del', r.id)
    keep_payloads(r.id, 0)
  else
    redis.call('ZADD', P .. 'del', r.ended + r.ttl, r.id)
    keep_payloads(r.id, math.max(now, r.ended + r.ttl))
  end
end
return answer(1)
