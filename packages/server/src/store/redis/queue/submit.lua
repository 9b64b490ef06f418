#!lua
-- submit: accepts up to 256 tasks, or refuses them all.
-- ARGV[2] maxTasks  [3] maxBytes  [4] more tasks and [5] more bytes of the same batch, still to come; -1 = do not check
-- then six a task: id, not_before (0 = at once), digest of its key's content ('' = no key), '1' where the arguments
--      wait under b:<id>, the record without its changing head, the arguments ('' where the record holds them)
-- answers a list: for each task 0 (accepted) and its time, 1 (replayed) or 2 (conflict) and the first task's id;
--      or 'max_queued_tasks', 'max_queued_bytes', 'payload_gone' (large arguments waited too long)
local FIELDS, FIRST = 6, 6
local total = (#ARGV - FIRST + 1) / FIELDS

local function came_before(id, key, content)
  if content ~= '' then
    local known = redis.call('GET', P .. 'k:' .. key)
    if known and string.sub(known, 1, 36) ~= id then
      return string.sub(known, 37) == content and 1 or 2, string.sub(known, 1, 36)
    end
  end
  local bytes = redis.call('GET', P .. 't:' .. id)
  if bytes then return 0, read({}, bytes).submitted end
end

-- First look, then write: a batch that is refused leaves nothing behind.
local tasks, fresh, fresh_bytes = {}, 0, 0
local empty_head = head({ state = 0, pinned = 0, kind = 0, abandonments = 0, losses = 0, retries = 0, attempt = 0,
  token = NO_TOKEN, score = 0, submitted = 0, claimed = 0, started = 0, ended = 0, due = 0, result = 0 })
for i = 1, total do
  local at = FIRST + (i - 1) * FIELDS
  local r = read({ id = ARGV[at] }, empty_head .. ARGV[at + 4])
  tasks[i] = r
  r.due, r.content, r.large = tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3] == '1'
  r.rest, r.payload = ARGV[at + 4], ARGV[at + 5]
  if r.large and redis.call('EXISTS', P .. 'b:' .. r.id) == 0 then return { {}, 'payload_gone' } end
  r.verdict, r.told = came_before(r.id, r.key, r.content)
  if not r.verdict then
    fresh = fresh + 1
    fresh_bytes = fresh_bytes + r.args
  end
end

local more_tasks = tonumber(ARGV[4])
if fresh > 0 and more_tasks >= 0 then
  local depth = redis.call('HMGET', P .. 'n', 'state:QUEUED', 'state:DELAYED', 'state:BLOCKED', 'bytes')
  local waiting = (depth[1] or 0) + (depth[2] or 0) + (depth[3] or 0)
  if waiting + fresh + more_tasks > tonumber(ARGV[2]) then return { {}, 'max_queued_tasks' } end
  if (depth[4] or 0) + fresh_bytes + tonumber(ARGV[5]) > tonumber(ARGV[3]) then return { {}, 'max_queued_bytes' } end
end

local replies, references, seen = {}, {}, {}
-- One step of the counter for the whole batch.
local sequence = fresh > 0 and redis.call('HINCRBY', P .. 'n', 'sequence', fresh) - fresh or 0
for _, r in ipairs(tasks) do
  -- A key or an id that comes twice in one batch is known the second time.
  if not r.verdict and (seen[r.id] or (r.content ~= '' and seen[r.key])) then
    r.verdict, r.told = came_before(r.id, r.key, r.content)
  end
  seen[r.id] = true
  if r.content ~= '' then seen[r.key] = true end
  if r.verdict then
    if r.large then redis.call('UNLINK', P .. 'b:' .. r.id) end
  else
    r.verdict, r.told = 0, now
    sequence = sequence + 1
    r.submitted, r.score = now, score_of(r.priority, sequence)
    r.state = r.due > now and DELAYED or QUEUED
    if r.state == QUEUED then r.due = 0 end
    redis.call('SET', P .. 't:' .. r.id, head(r) .. r.rest)
    if r.large then
      redis.call('RENAME', P .. 'b:' .. r.id, P .. 'a:' .. r.id)
      redis.call('PERSIST', P .. 'a:' .. r.id)
    elseif not r.inline then
      redis.call('SET', P .. 'a:' .. r.id, r.payload)
    end
    redis.call('ZADD', P .. 'all', 0, r.id)
    if r.group ~= '' then redis.call('ZADD', P .. 'g:' .. r.group, 0, r.id) end
    if r.content ~= '' then redis.call('SET', P .. 'k:' .. r.key, r.id .. r.content) end
    references[r.digest] = (references[r.digest] or 0) + 1
    enter(r)
    count('submitted', 1)
    announce('tasks', r.id)
  end
  replies[#replies + 1] = r.verdict
  replies[#replies + 1] = r.told
end
for digest, by in pairs(references) do redis.call('HINCRBY', P .. 'ref', digest, by) end
return answer(replies)
