-- flags: allow-oom
-- logs: replaces what is kept of a running attempt's output, if nobody else did since it was read.
-- ARGV[2] id  [3] attempt  [4] the first bytes of the logs as they were read ('' = there were none)  [5] the new logs,
--      or '' where they wait under b:<[6]>
-- answers 1 (done), 0 (changed meanwhile: read again) or 2 (too late: another attempt, or ended)
local r = load(ARGV[2])
local key, waiting = P .. 'l:' .. ARGV[2], P .. 'b:' .. ARGV[6]
local function refuse(why)
  if ARGV[5] == '' then call('UNLINK', waiting) end
  return answer(why)
end
if not r or r[ATTEMPT] ~= tonumber(ARGV[3]) or r[STATE] > RUNNING then return refuse(2) end
local unchanged
if ARGV[4] == '' then
  unchanged = call('EXISTS', key) == 0
else
  unchanged = call('GETRANGE', key, 0, #ARGV[4] - 1) == ARGV[4]
end
if not unchanged then return refuse(0) end
if ARGV[5] == '' and call('EXISTS', waiting) == 0 then return answer(0) end
if ARGV[5] ~= '' then
  call('SET', key, ARGV[5])
else
  call('RENAME', waiting, key)
  call('PERSIST', key)
end
return answer(1)
