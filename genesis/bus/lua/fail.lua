-- Note that a run of an entry failed; the count stays with the entry, whoever runs it next. The entry then waits for its next run.
--
-- KEYS[1]  stream of the entry
-- KEYS[2]  hash of attempts of the stream
-- KEYS[3]  hash of totals
-- ARGV[1]  group
-- ARGV[2]  entry id
-- ARGV[3]  consumer that stands for the worker
-- ARGV[4]  number of failed runs that are tried again
--
-- Returns the number of failed runs so far, this one included. 0: the entry is no longer pending in the group, or another
-- worker runs it. A failure that was noted before (its answer was lost on the way) is not counted again.

local WAITING = 'waiting'
local group, id = ARGV[1], ARGV[2]
local pending = redis.call('XPENDING', KEYS[1], group, id, id, 1)[1]
if not pending or (pending[2] ~= ARGV[3] and pending[2] ~= WAITING) then return 0 end

local field = group .. '|' .. id
local count, first, rest = (redis.call('HGET', KEYS[2], field) or ''):match('^(%d+) (%d+)(.*)$')
count = tonumber(count or 0)
if pending[2] == WAITING then return count end

if not first then
  local clock = redis.call('TIME')
  first = string.format('%d', clock[1] * 1000 + math.floor(clock[2] / 1000))
end
count = count + 1
redis.call('HSET', KEYS[2], field, count .. ' ' .. first .. (rest or ''))
if count <= tonumber(ARGV[4]) then
  redis.call('HINCRBY', KEYS[3], KEYS[1] .. '|' .. group .. '|retried', 1)
end
redis.call('XCLAIM', KEYS[1], group, WAITING, 0, id, 'JUSTID')
return count
