-- Take, renew or give up the lock that says which bridge is the janitor.
--
-- KEYS[1]  the lock
-- ARGV[1]  name of the bridge
-- ARGV[2]  milliseconds until the lock is free again unless it is renewed; 0 gives it up
--
-- Returns 1: this bridge is the janitor; 0: it is not.
--
-- A server without memory can't write down who holds the lock. Then everyone who asks is the janitor: that is harmless, and
-- trimming is what such a server needs.

local holder = redis.call('GET', KEYS[1])
if ARGV[2] == '0' then
  if holder == ARGV[1] then redis.call('DEL', KEYS[1]) end
  return 0
end
if holder == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if holder then return 0 end

local taken = redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if taken.err and not taken.err:find('OOM', 1, true) then return taken end
return 1
