-- flags: none
-- register: one more function.
-- ARGV[2] id  [3] name  [4] '1' = classic  [5] id of the newest version as the caller read it ('' = none)  [6] digest
--      [7] record  [8] code, or '' where it waits under b:<id>
-- Keys: f:<id> version SPACE created_at SPACE record, fs ids by order of registration, fv:<name> ids by version,
--      fnext name → newest number ever, c:<digest> code, cref digest → functions, doomed digests without a function
-- answers { version, created_at }, or 0 where the newest version is another one by now, or the code does not wait any more: read again
local id, name, classic, digest = ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[6]
-- Repeated because its answer was lost.
local known = call('GET', P .. 'f:' .. id)
if known then
  local number, created_at = string.match(known, '^(%d+) (%d+) ')
  return answer({ tonumber(number), tonumber(created_at) })
end
if not classic and (call('ZRANGE', P .. 'fv:' .. name, -1, -1)[1] or '') ~= ARGV[5] then return answer(0) end
if ARGV[8] == '' and call('EXISTS', P .. 'b:' .. id) == 0 then return answer(0) end
local version = 0
if not classic then
  version = call('HINCRBY', P .. 'fnext', name, 1)
  call('ZADD', P .. 'fv:' .. name, version, id)
end
call('SET', P .. 'f:' .. id, version .. ' ' .. now .. ' ' .. ARGV[7])
call('ZADD', P .. 'fs', call('HINCRBY', P .. 'n', 'functions', 1), id)
call('HINCRBY', P .. 'cref', digest, 1)
call('ZREM', P .. 'doomed', digest)
if ARGV[8] ~= '' then
  call('SET', P .. 'c:' .. digest, ARGV[8])
else
  call('RENAME', P .. 'b:' .. id, P .. 'c:' .. digest)
  call('PERSIST', P .. 'c:' .. digest)
end
return answer({ version, now })
