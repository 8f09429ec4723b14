-- Note a camera's newest figures. Those of an older window than the one known change nothing, so workers may be late.
--
-- Windows of one session are ordered by their time, sessions by when their figures were published, as in camera.lua: capture
-- time may lie in the future (a recording that is played faster than real time), and a clock may be set back.
--
-- KEYS[1]  hash of the camera's figures
-- ARGV[1]  session
-- ARGV[2]  start of the window in seconds since 1970
-- ARGV[3]  when they were published: the entry's id, as text that sorts
-- ARGV[4]  the figures, as JSON
--
-- Returns 1, or 0 if newer ones are known.

local known = redis.call('HMGET', KEYS[1], 'session', 'time', 'published')
if known[1] == ARGV[1] then
  if tonumber(ARGV[2]) < tonumber(known[2]) then return 0 end
elseif known[1] and ARGV[3] < known[3] then
  return 0
end
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], 'session', ARGV[1], 'time', ARGV[2], 'published', ARGV[3], 'figures', ARGV[4], 'updated', now[1])
return 1
