-- Replay a dead letter: put its entry back into its stream for the group that failed, and remove the letter; or do nothing.
--
-- KEYS[1]  stream of dead letters
-- KEYS[2]  stream that the entry goes back to
-- KEYS[3]  hash of frame references
-- KEYS[4]  hash of totals
-- ARGV[1]  id of the letter
-- ARGV[2]  group that failed
-- ARGV[3]  number of the entry's own fields, which stand first in the letter
-- ARGV[4]  key of the frame that the entry points to, or ''
-- ARGV[5]  how often the entry has been replayed, this time included
-- ARGV[6]  most unsettled entries that the stream may have, or 0 not to look
--
-- The new entry has the own fields, byte for byte, and after them `replaygroup` and `replays`. Its frame gets one
-- reference: the other groups settle the entry at once and release none.
--
-- Returns {'done', id of the new entry};
--         {'gone'}: there is no such letter (it was replayed before, or dropped): nothing was done;
--         {'no group'}: the group does not exist, nobody would take the entry: nothing was done;
--         {'full', backlog}: the stream has no room: nothing was done.

local letter = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not letter then return {'gone'} end

local stream, wanted, limit = KEYS[2], ARGV[2], tonumber(ARGV[6])
local exists, backlog = false, 0
if redis.call('EXISTS', stream) == 1 then
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local pending, lag, delivered = 0, nil, '0-0'
    for i = 1, #group, 2 do
      if group[i] == 'name' then exists = exists or group[i + 1] == wanted
      elseif group[i] == 'pending' then pending = group[i + 1]
      elseif group[i] == 'lag' then lag = group[i + 1]
      elseif group[i] == 'last-delivered-id' then delivered = group[i + 1] end
    end
    if not lag and limit > 0 then
      -- Redis before 7, or one that has lost count: count, but no further than it matters.
      lag = #redis.call('XRANGE', stream, '(' .. delivered, '+', 'COUNT', math.max(limit - pending, 0) + 1)
    end
    backlog = math.max(backlog, pending + (lag or 0))
  end
end
if not exists then return {'no group'} end
if limit > 0 and backlog + 1 > limit then return {'full', backlog} end

local fields = {}
for i = 1, 2 * tonumber(ARGV[3]) do fields[i] = letter[2][i] end
for _, text in ipairs({'replaygroup', wanted, 'replays', ARGV[5]}) do fields[#fields + 1] = text end

-- What can fail for lack of memory comes first, so that it is all or nothing.
local added = redis.call('XADD', stream, '*', unpack(fields))
if ARGV[4] ~= '' then redis.call('HINCRBY', KEYS[3], ARGV[4], 1) end
redis.call('HINCRBY', KEYS[4], stream .. '|' .. wanted .. '|replayed', 1)
redis.call('XDEL', KEYS[1], ARGV[1])
return {'done', added}
