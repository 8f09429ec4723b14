-- Settle entries of one group: acknowledge them, publish what came of them, write the handler's state, release their
-- frames; or do nothing. Any number of such settlements, each by itself. With an empty group it only publishes: a
-- publication is the settlement of nothing.
--
-- KEYS[1]  stream of the entries (when publishing: any stream of ours)
-- KEYS[2]  hash of attempts of that stream
-- KEYS[3]  hash of frame references
-- KEYS[4]  hash of totals
-- KEYS[5]  last number of this publisher (when publishing), else the same as KEYS[4]
-- KEYS[6]  hash of the handler's states (in an ordered subscription), else the same as KEYS[4]
-- KEYS[7]  stream of the newest runs, which `genesis trace` reads
-- KEYS[8..] streams of the outputs
-- ARGV[1]  group, or '' to publish
-- ARGV[2]  most unsettled entries an output's stream may have, or 0 not to look
-- ARGV[3]  most runs to remember
-- ARGV[4]  number of settlements (1 when publishing); then for each, by itself:
--            milliseconds that the handler ran
--            number of entries (1 when publishing); then for each:
--              entry id (when publishing, the publisher's number of this call), key of the frame that it points to or '',
--              outcome to count: settled, stale, filtered, late
--            field of the state, or ''; the version that it was read with; the new version and state
--            number of records of runs; then each: JSON
--            number of outputs; then for each:
--              index of its stream in KEYS, its frame's key or '', number of groups that will read it,
--              number of strings that follow, field, value, field, value ...
--
-- Returns for each settlement
--         {'done', backlogs, freed}: backlogs is a flat list of stream and unsettled entries before this one (for the
--           streams that were looked at), freed the frames that nobody needs any more;
--         {'gone'}: the first entry was not pending in the group, or this publication was made before: nothing was done;
--         {'conflict'}: the state has another version, or a further entry is not pending: nothing was done;
--         {'full', stream, backlog}: an output's stream has no room: nothing was done.

local PUBLISHER_SECONDS = 3600

local function backlog(stream, limit, wanted)
  if redis.call('EXISTS', stream) == 0 then return 0 end
  local worst = 0
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local pending, lag, delivered = 0, nil, '0-0'
    for i = 1, #group, 2 do
      if group[i] == 'pending' then pending = group[i + 1]
      elseif group[i] == 'lag' then lag = group[i + 1]
      elseif group[i] == 'last-delivered-id' then delivered = group[i + 1] end
    end
    if not lag or pending + lag + wanted > limit then
      -- Redis before 7 does not know its lag, one that was restarted has it too high, and a deletion makes it forget:
      -- count, but no further than it matters.
      lag = #redis.call('XRANGE', stream, '(' .. delivered, '+', 'COUNT', math.max(limit - pending, 0) + 1)
    end
    worst = math.max(worst, pending + lag)
  end
  return worst
end

local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end

local group, limit, keep = take(), tonumber(take()), take()
local row = KEYS[1] .. '|' .. group .. '|'

local function read()
  local one = {busy = tonumber(take()), entries = {}, records = {}, adds = {}, wanted = {}, order = {}}
  for n = 1, tonumber(take()) do one.entries[n] = {id = take(), frame = take(), outcome = take()} end
  one.field, one.version, one.state = take(), take(), take()
  for n = 1, tonumber(take()) do one.records[n] = take() end
  for n = 1, tonumber(take()) do
    local add = {stream = KEYS[tonumber(take())], frame = take(), readers = tonumber(take())}
    local count = tonumber(take())
    add.fields = {unpack(ARGV, at + 1, at + count)}
    at = at + count
    one.adds[n] = add
    if not one.wanted[add.stream] then one.wanted[add.stream] = 0; one.order[#one.order + 1] = add.stream end
    one.wanted[add.stream] = one.wanted[add.stream] + 1
  end
  return one
end

local function settle(one, totals)
  local entries = one.entries
  if group == '' then
    if tonumber(redis.call('GET', KEYS[5]) or '-1') >= tonumber(entries[1].id) then return {'gone'} end
  else
    for n, entry in ipairs(entries) do
      if #redis.call('XPENDING', KEYS[1], group, entry.id, entry.id, 1) == 0 then return {n == 1 and 'gone' or 'conflict'} end
    end
  end
  if one.field ~= '' and ((redis.call('HGET', KEYS[6], one.field) or '0'):match('^%d+')) ~= one.version then return {'conflict'} end

  -- Is there room for all of the outputs? Asked before anything is written.
  local backlogs = {}
  if limit > 0 then
    for _, stream in ipairs(one.order) do
      local before = backlog(stream, limit, one.wanted[stream])
      if before + one.wanted[stream] > limit then return {'full', stream, before} end
      backlogs[#backlogs + 1] = stream
      backlogs[#backlogs + 1] = before
    end
  end

  -- What can fail for lack of memory comes first and the acknowledgement last, so that it is all or nothing.
  for _, add in ipairs(one.adds) do
    redis.call('XADD', add.stream, '*', unpack(add.fields))
    if add.frame ~= '' and add.readers > 0 then
      redis.call('HINCRBY', KEYS[3], add.frame, add.readers)
    end
  end

  local freed = {}
  if group == '' then
    redis.call('SET', KEYS[5], entries[1].id, 'EX', PUBLISHER_SECONDS)
    return {'done', backlogs, freed}
  end
  if one.field ~= '' then redis.call('HSET', KEYS[6], one.field, one.state) end
  for _, record in ipairs(one.records) do redis.call('XADD', KEYS[7], 'MAXLEN', '~', keep, '*', 'run', record) end
  totals.busy_ms = (totals.busy_ms or 0) + one.busy
  for _, entry in ipairs(entries) do
    totals[entry.outcome] = (totals[entry.outcome] or 0) + 1
    local frame = entry.frame
    if frame ~= '' and redis.call('HEXISTS', KEYS[3], frame) == 1 and redis.call('HINCRBY', KEYS[3], frame, -1) <= 0 then
      redis.call('HDEL', KEYS[3], frame)
      freed[#freed + 1] = frame
    end
    redis.call('HDEL', KEYS[2], group .. '|' .. entry.id)
  end
  for _, entry in ipairs(entries) do redis.call('XACK', KEYS[1], group, entry.id) end
  return {'done', backlogs, freed}
end

local answers, totals = {}, {}
for n = 1, tonumber(take()) do answers[n] = settle(read(), totals) end
for name, by in pairs(totals) do
  if by > 0 then redis.call('HINCRBY', KEYS[4], row .. name, by) end
end
return answers
