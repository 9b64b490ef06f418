#!lua flags=allow-oom
-- settle: ends attempts.
-- ARGV[2] kind of a lost task; then thirteen a task: id, attempt, token, what ('end', 'loss', 'retry'), state, kind,
--      worker, started_at, size of the result, end ('' = it waits under b:<id>), logs ('' = none, '*' = they wait under
--      b:<id>:l), delay ms, what the history notes of a loss or retry
-- answers two a task: 0 accepted, 1 duplicate, 2 stale, 3 large bytes waited too long; and the state
local lost_kind, replies = tonumber(ARGV[2]), {}

local function accept(r, at)
  local what, worker, bytes, message = ARGV[at + 3], ARGV[at + 6], ARGV[at + 9], ARGV[at + 12]
  if what == 'retry' then
    local delay = tonumber(ARGV[at + 11])
    note(r, worker, 'retry', message)
    r.retries, r.score = r.retries + 1, next_score(r.priority)
    count('requeued:retry', 1)
    return put_back(r, delay > 0 and DELAYED or QUEUED, delay > 0 and now + delay or 0)
  end
  if what == 'loss' then
    note(r, worker, 'lost', message)
    r.losses = r.losses + 1
    if not r.once and r.losses < r.max_attempts then
      count('requeued:lost', 1)
      return put_back(r, QUEUED, 0)
    end
    r.started = tonumber(ARGV[at + 7])
    return end_task(r, FAILED, lost_kind, bytes)
  end
  r.started, r.result = tonumber(ARGV[at + 7]), tonumber(ARGV[at + 8])
  -- What a running attempt printed comes with its end too.
  r.plain = ARGV[at + 10] == ''
  end_task(r, tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]), bytes ~= '' and bytes)
end

local function gone(expected, name)
  return expected and redis.call('EXISTS', P .. 'b:' .. name) == 0
end

for at = 3, #ARGV, 13 do
  local r = load(ARGV[at])
  local verdict = 2
  local logs = ARGV[at + 10]
  if not current(r, ARGV[at + 1], ARGV[at + 2]) then
    local by_this_token = r and r.state > RUNNING and r.attempt == tonumber(ARGV[at + 1]) and r.token == ARGV[at + 2]
    if by_this_token then verdict = 1 end
  elseif gone(ARGV[at + 3] == 'end' and ARGV[at + 9] == '', r.id) or gone(logs == '*', r.id .. ':l') then
    verdict = 3
  else
    verdict = 0
    if logs == '*' then
      redis.call('RENAME', P .. 'b:' .. r.id .. ':l', P .. 'l:' .. r.id)
      redis.call('PERSIST', P .. 'l:' .. r.id)
    elseif logs ~= '' then
      redis.call('SET', P .. 'l:' .. r.id, logs)
    end
    accept(r, at)
  end
  replies[#replies + 1] = verdict
  replies[#replies + 1] = r and r.state or 0
end
return answer(replies)
