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
-- The entry's own fields are copied here, byte for byte, whatever they are. Added to those given: dlq-deliveries,
-- dlq-attempts, dlq-first-failure and dlq-last-failure.
--
-- Returns {'done', id of the dead letter, freed}: freed are the frames that nobody needs any more;
--         {'gone'}: the entry was not pending in the group: nothing was done.

local MAX_STRINGS = 4000 -- Lua's unpack has room for about 8000

local group, id, now = ARGV[1], ARGV[2], ARGV[3]
local pending = redis.call('XPENDING', KEYS[1], group, id, id, 1)
if #pending == 0 then return {'gone'} end

local letter, frame = {}, ''
local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
if entry then
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'framekey' then frame = entry[2][i + 1] end
    if #letter < MAX_STRINGS then
      letter[#letter + 1] = entry[2][i]
      letter[#letter + 1] = entry[2][i + 1]
    end
  end
end
for i = 4, #ARGV do letter[#letter + 1] = ARGV[i] end

local attempts, first = '0', now
local failures = redis.call('HGET', KEYS[3], group .. '|' .. id)
if failures then attempts, first = failures:match('^(%d+) (%d+)$') end
for _, pair in ipairs({
  {'dlq-attempts', attempts}, {'dlq-deliveries', tostring(pending[1][4])},
  {'dlq-first-failure', first}, {'dlq-last-failure', now},
}) do
  letter[#letter + 1] = pair[1]
  letter[#letter + 1] = pair[2]
end

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
