#!lua flags=allow-oom
-- release: back to the queue, uncharged, under the first score.
-- ARGV: six a task from [2]: id, attempt, token, worker, reason, message
-- answers 1 (was current) or 0 for each
local replies = {}
for at = 2, #ARGV, 6 do
  local r = load(ARGV[at])
  if current(r, ARGV[at + 1], ARGV[at + 2]) then
    note(r, ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
    put_back(r, QUEUED, 0)
    count('requeued:released', 1)
    replies[#replies + 1] = 1
  else
    replies[#replies + 1] = 0
  end
end
return answer(replies)
