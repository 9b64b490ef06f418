#!lua
-- submit: accepts up to 256 tasks, or refuses them all.
-- ARGV[2] maxTasks  [3] maxBytes  [4] more tasks and [5] more bytes of the same batch, still to come; -1 = do not check
--      [6] ids, packed; then four a task: id, the record without its changing head, the arguments ('' where the record
--      holds them, or where they are large), and where the task has one of these: not_before (0 = at once), 1 = the
--      arguments wait under b:<id>, digest of its key's content ('' = no key)
-- answers a list: for each task 0 (accepted) and its time, 1 (replayed) or 2 (conflict) and the first task's id;
--      or 'max_queued_tasks', 'max_queued_bytes', 'payload_gone' (large arguments waited too long)
local FIELDS, FIRST = 4, 7
local total = (#ARGV - FIRST + 1) / FIELDS

local function submitted_before(id)
  local bytes = call('GET', RECORD .. id)
  if bytes then return 0, read(id, bytes).submitted end
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

-- First look, then write: a batch that is refused leaves nothing behind. Whether an id came before is told by the write
-- itself, unless there is a key to be looked at.
local tasks, fresh, fresh_bytes = {}, 0, 0
for i = 1, total do
  local at = FIRST + (i - 1) * FIELDS
  local rest, more = ARGV[at + 1], ARGV[at + 3]
  local expires, args, shape, priority, _, _, lane, digest, key, group, _, text = struct.unpack('<' .. REST, rest)
  local key_at = text + lane + digest
  local r = {
    id = ARGV[at], rest = rest, payload = ARGV[at + 2], expires = expires, args = args, priority = priority,
    inline = shape % 32 >= 16, lane = sub(rest, text, text + lane - 1), digest = sub(rest, text + lane, key_at - 1),
    group = group > 0 and sub(rest, key_at + key, key_at + key + group - 1), due = 0, large = false, content = '',
    verdict = false, told = 0, key = '', is_new = false,
  }
  if more ~= '' then
    local due, large, content = struct.unpack('<I6B', more)
    r.due, r.large, r.content, r.key = due, large == 1, sub(more, content), sub(rest, key_at, key_at + key - 1)
    if r.large and call('EXISTS', P .. 'b:' .. r.id) == 0 then return { {}, 'payload_gone' } end
    if r.content ~= '' then r.verdict, r.told = came_before(r.id, r.key, r.content) end
  end
  tasks[i] = r
  if not r.verdict then
    fresh = fresh + 1
    fresh_bytes = fresh_bytes + args
  end
end

local function over_the_limit()
  local depth = call('HMGET', P .. 'n', 'state:QUEUED', 'state:DELAYED', 'state:BLOCKED', 'bytes')
  local waiting = (depth[1] or 0) + (depth[2] or 0) + (depth[3] or 0)
  if waiting + fresh + tonumber(ARGV[4]) > tonumber(ARGV[2]) then return 'max_queued_tasks' end
  if (depth[4] or 0) + fresh_bytes + tonumber(ARGV[5]) > tonumber(ARGV[3]) then return 'max_queued_bytes' end
end

if fresh > 0 and tonumber(ARGV[4]) >= 0 and over_the_limit() then
  -- Tasks that came before take no room.
  for _, r in ipairs(tasks) do
    if not r.verdict then
      r.verdict, r.told = submitted_before(r.id)
      if r.verdict then fresh, fresh_bytes = fresh - 1, fresh_bytes - r.args end
    end
  end
  local refusal = fresh > 0 and over_the_limit()
  if refusal then return { {}, refusal } end
end

-- Tasks that follow each other and share lane and priority, or the stretch of time of their ids, share an entry.
local run, stretch = {}, {}
local function end_run()
  if run.first then enqueue(run.lane, run.score, sub(ARGV[6], run.first * ID_BYTES - ID_BYTES + 1, run.last * ID_BYTES)) end
  run.first = nil
end
local function end_stretch()
  if stretch.first then
    local ids = sub(ARGV[6], stretch.first * ID_BYTES - ID_BYTES + 1, stretch.last * ID_BYTES)
    call('ZADD', P .. 'all', stretch.number * STRETCH_ENTRIES + stretch.entry, ids)
  end
  stretch.first = nil
end

local replies, references, seen = {}, {}, {}
local accepted, queued, bytes_accepted = 0, 0, 0
-- One step of the counter for the whole batch.
local sequence = fresh > 0 and call('HINCRBY', P .. 'n', 'sequence', fresh) - fresh or 0
-- A fresh record's head up to its due time is zeros, but for the state.
local blank = { [QUEUED] = string.rep('\0', 51), [DELAYED] = pack('B', DELAYED) .. string.rep('\0', 50) }
for i, r in ipairs(tasks) do
  -- A key that comes twice in one batch is known the second time.
  if not r.verdict and r.content ~= '' then
    if seen[r.key] then r.verdict, r.told = came_before(r.id, r.key, r.content) end
    seen[r.key] = true
  end
  if not r.verdict then
    local number = math.floor(struct.unpack('>I6', ARGV[6], i * ID_BYTES - ID_BYTES + 1) / STRETCH)
    if stretch.first and (stretch.last ~= i - 1 or stretch.number ~= number) then end_stretch() end
    local entry = stretch.first and stretch.entry or (sequence + 1) % STRETCH_ENTRIES
    local score = score_of(r.priority, sequence + 1)
    local state = r.due > now and DELAYED or QUEUED
    local due = state == DELAYED and r.due or 0
    if call('SET', RECORD .. r.id, blank[state] .. pack('<I6I6I2I7', due, now, entry, score) .. r.rest, 'NX') then
      sequence = sequence + 1
      r.is_new, r.verdict, r.told = true, 0, now
      accepted, bytes_accepted = accepted + 1, bytes_accepted + r.args
      if stretch.first then
        stretch.last = i
      else
        stretch.first, stretch.last, stretch.number, stretch.entry = i, i, number, entry
      end
      if state == QUEUED then
        queued = queued + 1
        if run.first and run.last == i - 1 and run.lane == r.lane and run.priority == r.priority then
          run.last = i
        else
          end_run()
          run.first, run.last, run.lane, run.priority, run.score = i, i, r.lane, r.priority, score
        end
      else
        call('ZADD', P .. 'due', due, r.id)
      end
      if r.expires > 0 then call('ZADD', P .. 'exp', r.expires, r.id) end
      if r.large then
        call('RENAME', P .. 'b:' .. r.id, P .. 'a:' .. r.id)
        call('PERSIST', P .. 'a:' .. r.id)
      elseif not r.inline then
        call('SET', P .. 'a:' .. r.id, r.payload)
      end
      if r.group then call('ZADD', P .. 'g:' .. r.group, 0, r.id) end
      if r.content ~= '' then call('SET', P .. 'k:' .. r.key, r.id .. r.content) end
      references[r.digest] = (references[r.digest] or 0) + 1
    else
      r.verdict, r.told = submitted_before(r.id)
    end
  end
  if r.large and not r.is_new then call('UNLINK', P .. 'b:' .. r.id) end
  replies[2 * i - 1], replies[2 * i] = r.verdict, r.told
end
end_run()
end_stretch()
count('submitted', accepted)
count('bytes', bytes_accepted)
count(STATE_COUNTER[QUEUED], queued)
count(STATE_COUNTER[DELAYED], accepted - queued)
for digest, by in pairs(references) do call('HINCRBY', P .. 'ref', digest, by) end
for _, r in ipairs(tasks) do
  if r.is_new then announce('tasks', r.id) end
end
return answer(replies)
