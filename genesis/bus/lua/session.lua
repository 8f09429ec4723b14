-- Note a change of a camera's session; when it ends, its newest frame is no longer held.
-- Changes are ordered by when they were published, as in camera.lua.
--
-- KEYS[1]  hash of the camera
-- KEYS[2]  set of all cameras' names
-- KEYS[3]  hash of frame references
-- ARGV[1]  camera's name
-- ARGV[2]  session
-- ARGV[3]  state: live, lost, ended
-- ARGV[4]  when it was published: the entry's id, as text that sorts
--
-- Returns the frames that nobody needs any more.

redis.call('SADD', KEYS[2], ARGV[1])
local known = redis.call('HMGET', KEYS[1], 'session', 'frame_key', 'changed', 'published')
local same, published = known[1] == ARGV[2], ARGV[4]
if published < (known[3] or '') then return {} end
if known[1] and not same and published < (known[4] or '') then return {} end

local now = redis.call('TIME')
redis.call('HSET', KEYS[1], 'state', ARGV[3], 'changed', published, 'updated', now[1])
if ARGV[3] ~= 'ended' then return {} end

redis.call('HSET', KEYS[1], 'ended', ARGV[2])
if not same or not known[2] or known[2] == '' then return {} end
redis.call('HSET', KEYS[1], 'frame_key', '')
if redis.call('HEXISTS', KEYS[3], known[2]) == 1 and redis.call('HINCRBY', KEYS[3], known[2], -1) <= 0 then
  redis.call('HDEL', KEYS[3], known[2])
  return {known[2]}
end
return {}
