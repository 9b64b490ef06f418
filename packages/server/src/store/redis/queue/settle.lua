-- flags: allow-oom
-- settle: ends attempts.
-- ARGV[2] kind of a lost task  [3] `mark` of what waits  [4] the settlements, one after another: id, the id as entries hold it, fence
--      (attempt and token), what (0 end, 1 loss, 2 retry), state, kind, started_at, size of the result, delay ms, and the lengths of
--      end ('' = it waits under b:<id>:<mark>), logs ('' = none, '*' = they wait under b:<id>:<mark>:l) and what the history notes of
--      a loss or retry, which follow; then each of those that is APART
-- answers two bytes a task: 0 accepted, 1 duplicate, 2 stale, 3 large bytes waited too long; and the state
local END, LOSS, RETRY = 0, 1, 2
local SETTLEMENT = '<c36c16c12BBBI6I5I6I2I2I2'
local lost_kind, mark, replies = tonumber(ARGV[2]), ':' .. ARGV[3], {}

local function accept(r, what, state, kind, started, result, delay, bytes, logs, text)
  if what == RETRY then
    note(r, text)
    r[RETRIES], r[SCORE] = r[RETRIES] + 1, next_score(r[PRIORITY])
    count('requeued:retry', 1)
    return put_back(r, delay > 0 and DELAYED or QUEUED, delay > 0 and now + delay or 0)
  end
  if what == LOSS then
    note(r, text)
    r[LOSSES] = r[LOSSES] + 1
    if not is_once(r) and r[LOSSES] < r[MAX_ATTEMPTS] then
      if r.waits then call('UNLINK', r.waits) end
      count('requeued:lost', 1)
      return put_back(r, QUEUED, 0)
    end
    r[STARTED] = started
    return end_task(r, FAILED, lost_kind, bytes ~= '' and bytes, 0)
  end
  r[STARTED] = started
  -- What a running attempt printed comes with its end too.
  r.plain = logs == '' and r[ATTEMPT] <= 1
  end_task(r, state, kind, bytes ~= '' and bytes, result)
end

local function gone(expected, key)
  return expected and call('EXISTS', key) == 0
end

-- Small in every way, of a first attempt that printed nothing.
local function is_plain(bytes, what, end_bytes, logs)
  return what == END and logs == '' and end_bytes ~= '' and #end_bytes <= END_INSIDE
    and from_bytes('<I4', bytes, FENCE_AT) <= 1 and is_inline(string.byte(bytes, SHAPE_AT))
end

read_many(4)
while at <= #many do
  local id, packed_id, fence, what, end_state, kind, started, result, delay, end_length, logs_length, note_length
  id, packed_id, fence, what, end_state, kind, started, result, delay, end_length, logs_length, note_length, at
    = from_bytes(SETTLEMENT, many, at)
  local end_bytes, logs, noted = text(end_length), text(logs_length), text(note_length)
  local bytes = call('GET', RECORD .. id)
  local verdict, state = 2, bytes and string.byte(bytes) or 0
  local end_waits, logs_wait = what ~= RETRY and end_bytes == '', logs == '*'
  local end_key = (end_waits or logs_wait) and P .. 'b:' .. id .. mark
  local logs_key = logs_wait and end_key .. ':l'
  if not current(bytes, fence) then
    local by_this_token = state > RUNNING and sub(bytes, FENCE_AT, FENCE_AT + 11) == fence
    if by_this_token then verdict = 1 end
    if end_waits then call('UNLINK', end_key) end
    if logs_wait then call('UNLINK', logs_key) end
  elseif is_plain(bytes, what, end_bytes, logs) then
    end_plainly(id, packed_id, bytes, end_state, kind, started, result, end_bytes)
    verdict, state = 0, end_state
  elseif gone(end_waits, end_key) or gone(logs_wait, logs_key) then
    verdict = 3
  else
    verdict = 0
    if logs_wait then
      call('RENAME', logs_key, P .. 'l:' .. id)
      call('PERSIST', P .. 'l:' .. id)
    elseif logs ~= '' then
      call('SET', P .. 'l:' .. id, logs)
    end
    local r = read(id, bytes)
    r.packed = packed_id
    r.waits = end_waits and end_key
    accept(r, what, end_state, kind, started, result, delay, end_bytes, logs, noted)
    state = r[STATE]
  end
  replies[#replies + 1] = string.char(verdict, state)
end
return answer(table.concat(replies))
