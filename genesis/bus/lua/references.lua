-- Remove references of frames that nothing points to. The caller has looked through the unsettled entries of every stream; what
-- was published since, and the cameras, are looked at here, in the same step as the removal, so that no frame on its way from
-- one entry to another is missed.
--
-- KEYS[1]  hash of frame references
-- KEYS[2..] the streams, then the hashes of all cameras
-- ARGV[1]  number of streams
-- ARGV[2..] for each stream where the caller's look ended, as XRANGE takes it; then frame, count, frame, count ...
--
-- Returns the frames whose references were removed, those with another count left out;
--         nothing (nil) when too much was published since: look again.

local MOST_NEW = 1000

local streams, held, room = tonumber(ARGV[1]), {}, MOST_NEW
for n = 1, streams do
  local news = redis.call('XRANGE', KEYS[1 + n], ARGV[1 + n], '+', 'COUNT', room + 1)
  room = room - #news
  if room < 0 then return nil end
  for _, entry in ipairs(news) do
    for i = 1, #entry[2], 2 do
      if entry[2][i] == 'framekey' then held[entry[2][i + 1]] = true end
    end
  end
end
for n = streams + 2, #KEYS do held[redis.call('HGET', KEYS[n], 'frame_key') or ''] = true end

local removed = {}
for i = streams + 2, #ARGV, 2 do
  if not held[ARGV[i]] and redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
    removed[#removed + 1] = ARGV[i]
  end
end
return removed
