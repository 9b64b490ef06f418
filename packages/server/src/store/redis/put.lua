-- flags: allow-oom
-- put: one piece of a large value that must get in even at maxmemory (the end of running work).
-- ARGV[2] name under the prefix  [3] '1' = the first piece  [4] the piece, at most 256 KiB  [5] time to live, ms
local key = P .. ARGV[2]
if ARGV[3] == '1' then call('SET', key, ARGV[4]) else call('APPEND', key, ARGV[4]) end
call('PEXPIRE', key, ARGV[5])
return answer(1)
