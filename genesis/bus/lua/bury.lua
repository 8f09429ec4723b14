-- Bury an entry for one group: acknowledge it and write its dead letter; or do nothing.
--
-- KEYS[1]  stream of the entry
-- KEYS[2]  its stream of dead letters
-- KEYS[3]  hash of attempts of the stream
-- KEYS[4]  hash of frame references
-- KEYS[5]  hash of totals
-- ARGV[1]  group
-- ARGV[2]  entry id
-- ARGV[3]  time of this failure, in milliseconds since 1970
-- ARGV[4..] field, value ... of the dead letter, to stand after the entry's own fields
--
-- The entry's own fields are copied here, byte for byte, whatever they are: as many as one XADD out of Lua can take. The
-- two that a replay has appended are not copied. Added to the fields given: dlq-attempts, dlq-deliveries,
-- dlq-first-failure, dlq-last-failure, dlq-replays, dlq-truncated (own fields for which there was no room, if any) and,
-- last of all, dlq-fields: the number of own fields that stand first, since they may have such names too.
--
-- Returns {'done', id of the dead letter, freed}: freed are the frames that nobody needs any more;
--         {'gone'}: the entry was not pending in the group: nothing was done. Likewise when it was a replay for another group,
--           whose one reference it holds: that is settled, and counted as filtered.

local MAX_STRINGS = 7900 -- Lua's unpack has room for 7998 (Redis 6.2 and 7); a replay appends four
local ADDED = 14         -- strings that this script appends to the fields given

local group, id, now = ARGV[1], ARGV[2], ARGV[3]
local pending = redis.call('XPENDING', KEYS[1], group, id, id, 1)
if #pending == 0 then return {'gone'} end

local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
local own = entry and entry[2] or {}
local strings, replays, frame = #own, '0', ''
if strings >= 4 and own[strings - 3] == 'replaygroup' and own[strings - 1] == 'replays' then
  if own[strings - 2] ~= group then
    redis.call('HINCRBY', KEYS[5], KEYS[1] .. '|' .. group .. '|filtered', 1)
    redis.call('HDEL', KEYS[3], group .. '|' .. id)
    redis.call('XACK', KEYS[1], group, id)
    return {'gone'}
  end
  strings, replays = strings - 4, own[strings]
end
for i = 1, strings, 2 do
  if own[i] == 'framekey' then frame = own[i + 1] end
end

local letter = {}
local function add(name, value)
  letter[#letter + 1] = name
  letter[#letter + 1] = value
end

local room = MAX_STRINGS - ADDED - (#ARGV - 3)
local copied = math.min(strings, room - room % 2)
for i = 1, copied, 2 do add(own[i], own[i + 1]) end
for i = 4, #ARGV, 2 do add(ARGV[i], ARGV[i + 1]) end

local attempts, first
local failures = redis.call('HGET', KEYS[3], group .. '|' .. id)
if failures then attempts, first = failures:match('^(%d+) (%d+)') end
add('dlq-attempts', attempts or '0')
add('dlq-deliveries', tostring(pending[1][4]))
add('dlq-first-failure', first or now)
add('dlq-last-failure', now)
add('dlq-replays', replays)
if copied < strings then add('dlq-truncated', string.format('%d', (strings - copied) / 2)) end
add('dlq-fields', string.format('%d', copied / 2))

local buried = redis.call('XADD', KEYS[2], '*', unpack(letter))
redis.call('HINCRBY', KEYS[5], KEYS[1] .. '|' .. group .. '|buried', 1)
local freed = {}
if frame ~= '' and redis.call('HEXISTS', KEYS[4], frame) == 1 and redis.call('HINCRBY', KEYS[4], frame, -1) <= 0 then
  redis.call('HDEL', KEYS[4], frame)
  freed[1] = frame
end
redis.call('HDEL', KEYS[3], group .. '|' .. id)
redis.call('XACK', KEYS[1], group, id)
return {'done', buried, freed}
