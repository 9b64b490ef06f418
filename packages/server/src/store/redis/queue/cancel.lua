-- flags: allow-oom
-- cancel: a settle without a token.
-- ARGV[2] kind and [3] end of a canceled task; then ids
-- answers for each: 0 canceled while waiting, 1 canceled while RUNNING, 2 unknown, else the state in which it ended
local replies = {}
for at = 4, #ARGV do
  local r = load(ARGV[at])
  if not r then
    replies[#replies + 1] = 2
  elseif r[STATE] > RUNNING then
    replies[#replies + 1] = r[STATE]
  else
    local was_running = r[STATE] == RUNNING
    end_by_platform(r, CANCELED, tonumber(ARGV[2]), ARGV[3])
    if was_running then canceled[#canceled + 1] = r.id end
    replies[#replies + 1] = was_running and 1 or 0
  end
end
return answer(replies)
