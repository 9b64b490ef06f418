-- flags: allow-oom
-- reap: code that no task of any shard names goes, unless a function names it again.
-- ARGV digests from [2]
-- answers how many went
local reaped = 0
for at = 2, #ARGV do
  if call('HEXISTS', P .. 'cref', ARGV[at]) == 0 then
    reaped = reaped + call('UNLINK', P .. 'c:' .. ARGV[at])
  end
  call('ZREM', P .. 'doomed', ARGV[at])
end
return answer(reaped)
