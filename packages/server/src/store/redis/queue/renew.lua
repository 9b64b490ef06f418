#!lua flags=allow-oom
-- renew: extends the leases of those that are still current.
-- ARGV[2] lease ms; then five a task: id, attempt, token, worker, started_at
-- answers 1 (current) or 0 for each
local until_ms, replies = now + tonumber(ARGV[2]), {}
for at = 3, #ARGV, 5 do
  local r = load(ARGV[at])
  if current(r, ARGV[at + 1], ARGV[at + 2]) then
    local worker, started = ARGV[at + 3], tonumber(ARGV[at + 4])
    redis.call('ZADD', P .. 'lease', until_ms, r.id)
    if r.started ~= started then
      r.started = started
      save(r)
    end
    if holder(r) ~= worker then
      local run = redis.call('HGET', P .. 'run', r.id)
      redis.call('HSET', P .. 'run', r.id, string.sub(run, 1, string.find(run, '\0', 1, true)) .. worker)
    end
    replies[#replies + 1] = 1
  else
    replies[#replies + 1] = 0
  end
end
return answer(replies)
