-- Remove a dead letter for good.
--
-- KEYS[1]  stream of dead letters
-- KEYS[2]  hash of totals
-- ARGV[1]  id of the letter
-- ARGV[2]  name of its total
--
-- Returns 1, or 0 if there is no such letter (it was dropped before, or replayed).

-- The deletion comes first: a server that is out of memory permits it, and then what follows it.
local dropped = redis.call('XDEL', KEYS[1], ARGV[1])
if dropped == 1 then redis.call('HINCRBY', KEYS[2], ARGV[2], 1) end
return dropped
