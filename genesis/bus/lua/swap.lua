-- Write a field of a hash anew, if it is still what it was when it was read.
--
-- KEYS[1]  hash
-- ARGV[1]  field
-- ARGV[2]  what it was
-- ARGV[3]  what it is to be
--
-- Returns 1 if it was written, 0 if it has changed.

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
