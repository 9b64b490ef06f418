#!lua flags=allow-oom
-- sweep: what time does to tasks.
-- ARGV[2] entries of each kind at most  [3] '1' = let leases be  [4] kind and [5] end of an expired task  [6] limit of
--      abandonments  [7] kind of a lost task  [8] what the history notes  [9] end of one abandoned too often
--      [10] end of an at-most-once task  [11] how long and [12] how many events are kept
-- answers { now, promoted, expired, abandoned, deleted }
local limit = tonumber(ARGV[2])

-- The tasks whose time in this index has come, each given to `act`; answers how many.
local function each_due(index, act)
  local ids = redis.call('ZRANGE', P .. index, '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
  for _, id in ipairs(ids) do
    local r = load_from(index, id)
    if r then act(r, id) end
  end
  return #ids
end

local expired = each_due('exp', function(r)
  end_by_platform(r, FAILED, tonumber(ARGV[4]), ARGV[5])
end)

local promoted = each_due('due', function(r)
  put_back(r, QUEUED, 0)
end)

local abandoned = ARGV[3] == '1' and 0 or each_due('lease', function(r)
  abandon(r, tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], ARGV[9], ARGV[10])
end)

local deleted = each_due('del', function(r, id)
  redis.call('ZREM', P .. 'del', id)
  redis.call('ZREM', P .. 'all', id)
  if r.group ~= '' then redis.call('ZREM', P .. 'g:' .. r.group, id) end
  if r.key ~= '' then
    local known = redis.call('GET', P .. 'k:' .. r.key)
    if known and string.sub(known, 1, 36) == id then redis.call('DEL', P .. 'k:' .. r.key) end
  end
  if redis.call('HINCRBY', P .. 'ref', r.digest, -1) <= 0 then redis.call('HDEL', P .. 'ref', r.digest) end
  redis.call('UNLINK', P .. 't:' .. id, P .. 'a:' .. id, P .. 'e:' .. id, P .. 'h:' .. id, P .. 'l:' .. id)
end)

-- Events are trimmed here and nowhere else: evfloor is the last one that is gone, so a reader knows what it has missed.
local function stale(entry, kept)
  return tonumber(string.match(entry[1], '^%d+')) < now - tonumber(ARGV[11]) or kept > tonumber(ARGV[12])
end
local kept = redis.call('XLEN', P .. 'ev')
local oldest = redis.call('XRANGE', P .. 'ev', '-', '+', 'COUNT', 1)[1]
if oldest and stale(oldest, kept) then
  local floor
  for _, entry in ipairs(redis.call('XRANGE', P .. 'ev', '-', '+', 'COUNT', 4 * limit)) do
    if not stale(entry, kept) then break end
    floor = entry[1]
    kept = kept - 1
    redis.call('XDEL', P .. 'ev', floor)
  end
  redis.call('SET', P .. 'evfloor', floor)
end

return answer({ now, promoted, expired, abandoned, deleted })
