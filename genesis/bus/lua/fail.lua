-- Note that a run of an entry failed; the count stays with the entry, whoever runs it next.
--
-- KEYS[1]  stream of the entry
-- KEYS[2]  hash of attempts of the stream
-- KEYS[3]  hash of totals
-- ARGV[1]  group
-- ARGV[2]  entry id
-- ARGV[3]  time of the failure, in milliseconds since 1970
-- ARGV[4]  number of failed runs that are tried again
--
-- Returns the number of failed runs so far, this one included (0: the entry is no longer pending in the group).

local group, id = ARGV[1], ARGV[2]
if #redis.call('XPENDING', KEYS[1], group, id, id, 1) == 0 then return 0 end

local field = group .. '|' .. id
local count, first = 0, ARGV[3]
local failures = redis.call('HGET', KEYS[2], field)
if failures then
  count, first = failures:match('^(%d+) (%d+)$')
  count = tonumber(count)
end
count = count + 1
redis.call('HSET', KEYS[2], field, count .. ' ' .. first)
if count <= tonumber(ARGV[4]) then
  redis.call('HINCRBY', KEYS[3], KEYS[1] .. '|' .. group .. '|retried', 1)
end
return count
