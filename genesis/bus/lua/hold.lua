-- Hold back an entry of an ordered subscription that came before its turn: write the state that says so; the entry stays pending.
--
-- KEYS[1]  stream of the entry
-- KEYS[2]  hash of the handler's states
-- ARGV[1]  group
-- ARGV[2]  entry id
-- ARGV[3]  field of the state
-- ARGV[4]  the version that it was read with
-- ARGV[5]  the new version and state
--
-- Returns 'done'; 'gone': the entry is not pending in the group; 'conflict': the state has another version.

local HELD = 'held'
local group, id, field = ARGV[1], ARGV[2], ARGV[3]
if #redis.call('XPENDING', KEYS[1], group, id, id, 1) == 0 then return 'gone' end
if (redis.call('HGET', KEYS[2], field) or '0'):match('^%d+') ~= ARGV[4] then return 'conflict' end
redis.call('HSET', KEYS[2], field, ARGV[5])
redis.call('XCLAIM', KEYS[1], group, HELD, 0, id, 'JUSTID')
return 'done'
