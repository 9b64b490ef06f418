-- flags: allow-oom
-- delete: functions go; their code stays as long as tasks name it (reap).
-- ARGV three a function from [2]: id, name, digest
-- answers how many there were
local deleted = 0
for at = 2, #ARGV, 3 do
  local id, name, digest = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if call('DEL', P .. 'f:' .. id) == 1 then
    deleted = deleted + 1
    call('ZREM', P .. 'fs', id)
    call('ZREM', P .. 'fv:' .. name, id)
    if call('HINCRBY', P .. 'cref', digest, -1) <= 0 then
      call('HDEL', P .. 'cref', digest)
      call('ZADD', P .. 'doomed', now, digest)
    end
  end
end
return answer(deleted)
