-- flags: allow-oom
-- release: back to the queue, uncharged, under the first score.
-- ARGV: four a task from [2]: id, fence (attempt and token), what the history notes, when user code began (0 = it did not)
-- answers 1 (was current) or 0 for each
local replies = {}
for at = 2, #ARGV, 4 do
  local id, bytes = ARGV[at], call('GET', RECORD .. ARGV[at])
  local is_current = current(bytes, ARGV[at + 1])
  if is_current then
    local r = read(id, bytes)
    note(r, ARGV[at + 2])
    r[STARTED] = math.max(r[STARTED], tonumber(ARGV[at + 3]))
    put_back(r, QUEUED, 0)
    count('requeued:released', 1)
  end
  replies[#replies + 1] = is_current and 1 or 0
end
return answer(replies)
