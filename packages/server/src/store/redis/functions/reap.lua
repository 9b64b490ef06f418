-- flags: allow-oom
-- reap: code that no task of any shard names goes, unless a function names it again.
-- ARGV[2] the time at which those were looked at that tasks name still; [3] how many digests follow that no task names, then
--      the digests: these, and those
-- answers how many went
local reaped, unnamed = 0, tonumber(ARGV[3])
for at = 4, #ARGV do
  if at - 3 > unnamed then
    call('ZADD', P .. 'doomed', 'XX', ARGV[2], ARGV[at])
  else
    if call('HEXISTS', P .. 'cref', ARGV[at]) == 0 then
      reaped = reaped + call('UNLINK', P .. 'c:' .. ARGV[at])
    end
    call('ZREM', P .. 'doomed', ARGV[at])
  end
end
return answer(reaped)
