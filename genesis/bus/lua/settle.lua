-- Settle an entry for one group: acknowledge it, publish what came of it, release its frame; or do nothing.
-- With an empty group it only publishes: a publication is the settlement of nothing.
--
-- KEYS[1]  stream of the entry (when publishing: any stream of ours)
-- KEYS[2]  hash of attempts of that stream
-- KEYS[3]  hash of frame references
-- KEYS[4]  hash of totals
-- KEYS[5]  last number of this publisher (when publishing), else the same as KEYS[4]
-- KEYS[6..] streams of the outputs
-- ARGV[1]  group, or '' to publish
-- ARGV[2]  entry id; when publishing, the publisher's number of this call
-- ARGV[3]  key of the frame that the entry points to, or ''
-- ARGV[4]  outcome to count: settled, stale, filtered, lost
-- ARGV[5]  milliseconds that the handler ran
-- ARGV[6]  most unsettled entries an output's stream may have, or 0 not to look
-- ARGV[7]  number of outputs; then for each:
--            index of its stream in KEYS, its frame's key or '', number of groups that will read it,
--            number of strings that follow, field, value, field, value ...
--
-- Returns {'done', backlogs, freed}: backlogs is a flat list of stream and unsettled entries before this call (for the
--           streams that were looked at), freed the frames that nobody needs any more;
--         {'gone'}: the entry was not pending in the group, or this publication was made before: nothing was done;
--         {'full', stream, backlog}: an output's stream has no room: nothing was done.

local PUBLISHER_SECONDS = 3600

local function backlog(stream, limit)
  if redis.call('EXISTS', stream) == 0 then return 0 end
  local worst = 0
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local pending, lag, delivered = 0, nil, '0-0'
    for i = 1, #group, 2 do
      if group[i] == 'pending' then pending = group[i + 1]
      elseif group[i] == 'lag' then lag = group[i + 1]
      elseif group[i] == 'last-delivered-id' then delivered = group[i + 1] end
    end
    if not lag then
      -- Redis before 7, or one that has lost count: count, but no further than it matters.
      lag = #redis.call('XRANGE', stream, '(' .. delivered, '+', 'COUNT', math.max(limit - pending, 0) + 1)
    end
    worst = math.max(worst, pending + lag)
  end
  return worst
end

local group, id, frame = ARGV[1], ARGV[2], ARGV[3]
local limit, outputs = tonumber(ARGV[6]), tonumber(ARGV[7])

if group == '' then
  if tonumber(redis.call('GET', KEYS[5]) or '-1') >= tonumber(id) then return {'gone'} end
elseif #redis.call('XPENDING', KEYS[1], group, id, id, 1) == 0 then
  return {'gone'}
end

-- Read the outputs, and look whether there is room for all of them before anything is written.
local adds, wanted, order = {}, {}, {}
local at = 8
for n = 1, outputs do
  local stream = KEYS[tonumber(ARGV[at])]
  local count = tonumber(ARGV[at + 3])
  local fields = {}
  for i = 1, count do fields[i] = ARGV[at + 3 + i] end
  adds[n] = {stream = stream, frame = ARGV[at + 1], readers = tonumber(ARGV[at + 2]), fields = fields}
  if not wanted[stream] then wanted[stream] = 0; order[#order + 1] = stream end
  wanted[stream] = wanted[stream] + 1
  at = at + 4 + count
end

local backlogs = {}
if limit > 0 then
  for _, stream in ipairs(order) do
    local before = backlog(stream, limit)
    if before + wanted[stream] > limit then return {'full', stream, before} end
    backlogs[#backlogs + 1] = stream
    backlogs[#backlogs + 1] = before
  end
end

-- What can fail for lack of memory comes first and the acknowledgement last, so that it is all or nothing.
for _, add in ipairs(adds) do
  redis.call('XADD', add.stream, '*', unpack(add.fields))
  if add.frame ~= '' and add.readers > 0 then
    redis.call('HINCRBY', KEYS[3], add.frame, add.readers)
  end
end

local freed = {}
if group == '' then
  redis.call('SET', KEYS[5], id, 'EX', PUBLISHER_SECONDS)
else
  local row = KEYS[1] .. '|' .. group .. '|'
  redis.call('HINCRBY', KEYS[4], row .. ARGV[4], 1)
  if ARGV[5] ~= '0' then redis.call('HINCRBY', KEYS[4], row .. 'busy_ms', ARGV[5]) end
  if frame ~= '' and redis.call('HEXISTS', KEYS[3], frame) == 1 and redis.call('HINCRBY', KEYS[3], frame, -1) <= 0 then
    redis.call('HDEL', KEYS[3], frame)
    freed[1] = frame
  end
  redis.call('HDEL', KEYS[2], group .. '|' .. id)
  redis.call('XACK', KEYS[1], group, id)
end
return {'done', backlogs, freed}
