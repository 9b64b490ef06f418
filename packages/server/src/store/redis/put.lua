-- flags: allow-oom
-- put: one piece of a large value that must get in even at maxmemory (the end of running work).
-- ARGV[2] name under the prefix  [3] where the piece begins, in bytes  [4] the piece, at most 256 KiB  [5] time to live, ms
-- answers 1, or 0 where those before it are gone: nothing is written
-- A piece may come twice, be it after the next one: what it overwrites is itself.
local key = P .. ARGV[2]
if call('STRLEN', key) < tonumber(ARGV[3]) then return answer(0) end
call('SETRANGE', key, ARGV[3], ARGV[4])
call('PEXPIRE', key, ARGV[5])
return answer(1)
