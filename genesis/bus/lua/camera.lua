-- Note a camera's newest frame. An older frame than the one known changes nothing, so workers may be late.
-- The newest frame is held in the cache (it counts as one reference) until a newer one comes or its session ends.
--
-- Frames of one session are ordered by their number, sessions by when their events were published: capture time may
-- lie in the future (a recording that is played faster than real time), and capturing machines' clocks differ.
--
-- KEYS[1]  hash of the camera
-- KEYS[2]  set of all cameras' names
-- KEYS[3]  hash of frame references
-- ARGV[1]  camera's name
-- ARGV[2]  session
-- ARGV[3]  number of the frame in its session
-- ARGV[4]  capture time in seconds since 1970
-- ARGV[5]  frame key
-- ARGV[6]  width
-- ARGV[7]  height
-- ARGV[8]  when it was published: the entry's id, as text that sorts
--
-- Returns the frames that nobody needs any more.

local FPS_SECONDS = 2 -- the frame rate is measured over at least this much capture time

redis.call('SADD', KEYS[2], ARGV[1])
local known = redis.call('HMGET', KEYS[1], 'session', 'number', 'published', 'frame_key', 'mark_number', 'mark_time', 'ended', 'changed')
local session, number, time, published = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[8]
local same = known[1] == session
if same and number <= tonumber(known[2]) then return {} end
if known[1] and not same and published < (known[3] or '') then return {} end

local mark_number, mark_time = tonumber(known[5] or 0), tonumber(known[6] or 0)
if not same then
  redis.call('HDEL', KEYS[1], 'fps')
  redis.call('HSET', KEYS[1], 'mark_number', number, 'mark_time', ARGV[4])
elseif time - mark_time >= FPS_SECONDS then
  local fps = (number - mark_number) / (time - mark_time)
  redis.call('HSET', KEYS[1], 'fps', string.format('%.2f', fps), 'mark_number', number, 'mark_time', ARGV[4])
end
local held = ARGV[5]
if known[7] == session then held = '' end -- its end was noted before this frame
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], 'session', session, 'number', ARGV[3], 'time', ARGV[4], 'frame_key', held,
  'width', ARGV[6], 'height', ARGV[7], 'published', published, 'updated', now[1])
if published > (known[8] or '') then redis.call('HSET', KEYS[1], 'state', 'live') end

if held ~= '' then redis.call('HINCRBY', KEYS[3], held, 1) end
if known[4] and known[4] ~= '' and redis.call('HEXISTS', KEYS[3], known[4]) == 1
    and redis.call('HINCRBY', KEYS[3], known[4], -1) <= 0 then
  redis.call('HDEL', KEYS[3], known[4])
  return {known[4]}
end
return {}
