-- flags: none
-- submit: accepts up to 256 tasks, or refuses them all.
-- ARGV[2] maxTasks  [3] maxBytes  [4] more tasks and [5] more bytes of the same batch, still to come; -1 = do not check
--      [6] ids as entries hold them  [7] how many headers; then these: what records share
--      then the tasks, one after another: id, number of its header, size of its arguments, shape, and the lengths of the arguments
--      (0 where they are large) and of what most tasks lack, which follow: not_before (0 = at once), 1 = the arguments wait under
--      b:<id>, digests of the key's name and content; then each of those that is APART
-- answers the time where all are accepted as new ones, else a list: for each task 0 (accepted) and its time, 1 (replayed) or 2 (conflict) and the first task's id, or
--      3 (new, but refused for the conflict of another) and '';
--      or 'max_queued_tasks', 'max_queued_bytes' (with ' alone' where an empty queue would not hold it), 'payload_gone' (large arguments waited too long)
local TASK, FIRST_HEADER = '<c36I2I5BI2I2', 8

local function submitted_before(id)
  local bytes = call('GET', RECORD .. id)
  if bytes then return 0, read(id, bytes)[SUBMITTED] end
end

local function came_before(id, key, content)
  if content ~= '' then
    local known = call('GET', P .. 'k:' .. key)
    if known and sub(known, 1, 36) ~= id then
      return sub(known, 37) == content and 1 or 2, sub(known, 1, 36)
    end
  end
  return submitted_before(id)
end

-- Due time, whether the arguments are large, digests of key and content; false for most tasks.
local function peculiar(more)
  if more == '' then return false end
  local due, large = from_bytes('<I6B', more)
  return { due = due, large = large == 1, key = sub(more, 8, 23), content = sub(more, 24) }
end

-- By their numbers.
local headers = {}
for i = 1, tonumber(ARGV[7]) do
  local bytes = ARGV[FIRST_HEADER + i - 1]
  local expires, priority, _, _, lane, digest, group, _, from = from_bytes(SHARED, bytes)
  local group_from = from + lane + digest
  headers[i] = { bytes = bytes, expires = expires, priority = priority, lane = sub(bytes, from, from + lane - 1),
    digest = sub(bytes, from + lane, group_from - 1), group = sub(bytes, group_from, group_from + group - 1), tasks = 0 }
end

local ids, header_of, sizes, shapes, args_of, more_of, total = {}, {}, {}, {}, {}, {}, 0
read_many(FIRST_HEADER + #headers)
while at <= #many do
  local i, number, args_length, more_length = total + 1
  ids[i], number, sizes[i], shapes[i], args_length, more_length, at = from_bytes(TASK, many, at)
  header_of[i], args_of[i], more_of[i], total = headers[number], text(args_length), peculiar(text(more_length)), i
end

-- First look, then write: a batch that is refused leaves nothing behind. Whether an id came before is told by the write
-- itself, unless there is a key to be looked at. verdicts[i] is false while the task is taken for a new one.
local verdicts, answers, fresh, fresh_bytes = {}, {}, 0, 0

-- What a refusal answers; large arguments that wait have come in vain.
local function refused(value)
  for i = 1, total do
    if more_of[i] and more_of[i].large then call('UNLINK', P .. 'b:' .. ids[i]) end
  end
  return { {}, value }
end

-- The first task of this batch under a key, as { content, id }.
local first_of, in_conflict, payload_gone = {}, false, false
for i = 1, total do
  local id, more = ids[i], more_of[i]
  verdicts[i] = false
  if more then
    -- With the first of two times that this came, or too late.
    local is_gone = more.large and call('EXISTS', P .. 'b:' .. id) == 0
    if is_gone then verdicts[i], answers[i] = submitted_before(id) end
    if not verdicts[i] and more.content ~= '' then
      local verdict, told = came_before(id, more.key, more.content)
      local first = first_of[more.key]
      if not verdict and first and first[1] ~= more.content then verdict, told = 2, first[2] end
      first_of[more.key] = first or { more.content, id }
      verdicts[i], answers[i], in_conflict = verdict or false, told, in_conflict or verdict == 2
    end
    payload_gone = payload_gone or is_gone and not verdicts[i]
  end
  if not verdicts[i] then
    fresh = fresh + 1
    fresh_bytes = fresh_bytes + sizes[i]
  end
end

if in_conflict then
  local replies = {}
  for i = 1, total do
    replies[2 * i - 1], replies[2 * i] = verdicts[i] or 3, answers[i] or ''
  end
  return refused(replies)
end
if payload_gone then return refused('payload_gone') end

-- Which limit `held` and what comes are over; `new` = what is new in this script and in the rest of the batch.
local function over(held, new, limit, name)
  if held + new <= tonumber(limit) then return false end
  return new > tonumber(limit) and name .. ' alone' or name
end

local function over_the_limit()
  local new, new_bytes = fresh + tonumber(ARGV[4]), fresh_bytes + tonumber(ARGV[5])
  if new <= 0 then return false end
  local waiting = counters['state:QUEUED'] + counters['state:DELAYED'] + counters['state:BLOCKED']
  return over(waiting, new, ARGV[2], 'max_queued_tasks') or over(counters.bytes, new_bytes, ARGV[3], 'max_queued_bytes')
end

look_at({ 'sequence', 'submitted', 'bytes', 'state:QUEUED', 'state:DELAYED', 'state:BLOCKED' })
if tonumber(ARGV[4]) >= 0 and over_the_limit() then
  -- Tasks that came before take no room.
  for i = 1, total do
    local verdict, told
    if not verdicts[i] then verdict, told = submitted_before(ids[i]) end
    if verdict then
      verdicts[i], answers[i], fresh = verdict, told, fresh - 1
      fresh_bytes = fresh_bytes - sizes[i]
    end
  end
  local refusal = over_the_limit()
  if refusal then return refused(refusal) end
end

-- Tasks that follow each other and share lane and priority share a run, those whose ids share a stretch of time share an
-- entry of `all`: `first` to `last` are their places.
local function ids_of(span)
  return sub(ARGV[6], (span.first - 1) * ID_BYTES + 1, span.last * ID_BYTES)
end

local run, stretch = { first = false }, { first = false }
local function end_run()
  if run.first then enqueue(run.lane, run.score, ids_of(run)) end
  run.first = false
end
local function end_stretch()
  if stretch.first then
    call('ZADD', P .. 'all', stretch.number * STRETCH_ENTRIES + stretch.entry, ids_of(stretch))
  end
  stretch.first = false
end

local accepted, queued, bytes_accepted = {}, 0, 0
local sequence = counters.sequence
-- A new record's head up to its due time is zeros, but for the state.
local blank = { [QUEUED] = string.rep('\0', 51), [DELAYED] = pack('B', DELAYED) .. string.rep('\0', 50) }

local function accept(i, more)
  local id, header, args, shape = ids[i], header_of[i], sizes[i], shapes[i]
  local due = more and more.due > now and more.due or 0
  local state = due > 0 and DELAYED or QUEUED
  local score = score_of(header.priority, sequence + 1)
  local number = math.floor(from_bytes('>I6', ARGV[6], (i - 1) * ID_BYTES + 1) / STRETCH)
  if stretch.first and (stretch.last ~= i - 1 or stretch.number ~= number) then end_stretch() end
  local entry = stretch.first and stretch.entry or (sequence + 1) % STRETCH_ENTRIES
  local inside, key = is_inline(shape) and args_of[i] or '', more and more.key or ''
  local record = blank[state] .. pack('<I6I6I2I7I5BB', due, now, entry, score, args, shape, #key) .. header.bytes .. inside .. key
  if not call('SET', RECORD .. id, record, 'NX') then return false end

  sequence, bytes_accepted = sequence + 1, bytes_accepted + args
  accepted[#accepted + 1] = id
  if not stretch.first then stretch.first, stretch.number, stretch.entry = i, number, entry end
  stretch.last = i
  if state == QUEUED then
    queued = queued + 1
    if not run.first or run.last ~= i - 1 or run.lane ~= header.lane or run.priority ~= header.priority then
      end_run()
      run.first, run.lane, run.priority, run.score = i, header.lane, header.priority, score
    end
    run.last = i
  else
    call('ZADD', P .. 'due', due, id)
  end
  if header.expires > 0 then call('ZADD', P .. 'exp', header.expires, id) end
  if more and more.large then
    call('RENAME', P .. 'b:' .. id, P .. 'a:' .. id)
    call('PERSIST', P .. 'a:' .. id)
  elseif not is_inline(shape) then
    call('SET', P .. 'a:' .. id, args_of[i])
  end
  if header.group ~= '' then call('ZADD', P .. 'g:' .. header.group, 0, id) end
  if more and more.content ~= '' then call('SET', P .. 'k:' .. more.key, id .. more.content) end
  header.tasks = header.tasks + 1
  return true
end

local replies = {}
for i = 1, total do
  local id, more, verdict, told = ids[i], more_of[i], verdicts[i], answers[i]
  -- A key that comes twice in one batch is known the second time.
  if not verdict and more and more.content ~= '' and first_of[more.key][2] ~= id then
    verdict, told = came_before(id, more.key, more.content)
  end
  local is_new = not verdict and accept(i, more)
  if is_new then
    verdict, told = 0, now
  elseif not verdict then
    verdict, told = submitted_before(id)
  end
  if more and more.large and not is_new then call('UNLINK', P .. 'b:' .. id) end
  replies[2 * i - 1], replies[2 * i] = verdict, told
end
end_run()
end_stretch()
count('sequence', #accepted)
count('submitted', #accepted)
count('bytes', bytes_accepted)
count(STATE_COUNTER[QUEUED], queued)
count(STATE_COUNTER[DELAYED], #accepted - queued)
for _, header in ipairs(headers) do
  if header.tasks > 0 then call('HINCRBY', P .. 'ref', header.digest, header.tasks) end
end
for _, id in ipairs(accepted) do announce('tasks', id) end
return answer(#accepted == total and now or replies)
