-- flags: allow-oom
-- abandon: these RUNNING tasks of a claimer that is gone.
-- ARGV[2] digest of the claimer  [3] limit of abandonments  [4] kind of a lost task  [5] what the history notes  [6] end of one
--      abandoned too often  [7] end of an at-most-once task; then ids
-- answers how many were its own
local abandoned = 0
for at = 8, #ARGV do
  local r = load(ARGV[at])
  if r and r[STATE] == RUNNING and sub(r.bytes, CLAIMER_AT, CLAIMER_AT + CLAIMER_BYTES - 1) == ARGV[2] then
    abandon(r, tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7])
    abandoned = abandoned + 1
  end
end
return answer(abandoned)
