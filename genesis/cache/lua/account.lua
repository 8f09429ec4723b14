-- Keeps the frame cache's books: which frames it holds, until when, and how many bytes they take.
--
-- Frames expire by themselves, so every call first writes off those whose time has passed, by this
-- server's clock; "measure" leaves them out and writes nothing, so that one who may only read can ask. A frame's own expiry and the one in the books are the same millisecond. The pixels
-- never pass through here: "store" finds them under a key of their own and renames it.
--
-- KEYS[1]  sorted set: frame key -> expiry (Unix time in ms)
-- KEYS[2]  hash: frame key -> bytes stored
-- KEYS[3]  string: sum of that hash
--
-- ARGV[1]  what to do:
--
-- "store"   KEYS[4]  where the pixels lie now
--           KEYS[5]  where they are to lie
--           ARGV[2]  frame key
--           ARGV[3]  time to live in ms
--           ARGV[4]  most bytes that all frames may take
--           returns  {1, bytes of all frames}, or {0, bytes of all frames} if there is no room: the pixels
--                    are removed, and an older frame under that key stays as it was
--
-- "remove"  KEYS[4...]  where the pixels lie
--           ARGV[2...]  frame keys, in the same order
--           returns  how many of them were there
--
-- "keep"    KEYS[4...]  where the pixels lie
--           ARGV[2]  time to live in ms, from now
--           ARGV[3...]  frame keys, in the same order
--           returns  how many of them were there
--
-- "measure" returns  {bytes of all frames, number of frames}; it writes nothing

local index, sizes, total = KEYS[1], KEYS[2], KEYS[3]
local BATCH = 1000  -- frames written off per step; unpack() takes a few thousand values at most

-- Write a frame off. ZREM comes first: a server that is out of memory permits it, and what follows it.
local function forget(key)
  if redis.call('ZREM', index, key) == 0 then
    return false
  end
  local size = redis.call('HGET', sizes, key)
  redis.call('HDEL', sizes, key)
  redis.call('DECRBY', total, size or 0)
  return true
end

local function bytes_of(keys)
  local sum = 0
  for _, size in ipairs(redis.call('HMGET', sizes, unpack(keys))) do sum = sum + (tonumber(size) or 0) end
  return sum
end

local function purge(now)
  repeat
    local expired = redis.call('ZRANGEBYSCORE', index, '-inf', '(' .. now, 'LIMIT', 0, BATCH)
    if #expired > 0 then
      local freed = bytes_of(expired)
      redis.call('ZREM', index, unpack(expired))
      redis.call('HDEL', sizes, unpack(expired))
      redis.call('DECRBY', total, string.format('%d', freed))
    end
  until #expired < BATCH
end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local text = string.format('%d', now)

if ARGV[1] == 'measure' then
  local used, count, at = tonumber(redis.call('GET', total) or 0), redis.call('ZCARD', index), 0
  repeat
    local expired = redis.call('ZRANGEBYSCORE', index, '-inf', '(' .. text, 'LIMIT', at, BATCH)
    if #expired > 0 then
      used, count, at = used - bytes_of(expired), count - #expired, at + #expired
    end
  until #expired < BATCH
  return {used, count}
end

purge(text)

if ARGV[1] == 'store' then
  local incoming, place, key = KEYS[4], KEYS[5], ARGV[2]
  local size = redis.call('STRLEN', incoming)
  local used = tonumber(redis.call('GET', total) or 0)
  local old = tonumber(redis.call('HGET', sizes, key) or 0)
  if used - old + size > tonumber(ARGV[4]) then
    redis.call('UNLINK', incoming)
    return {0, used}
  end
  local expiry = string.format('%d', now + ARGV[3])
  redis.call('RENAME', incoming, place)
  redis.call('PEXPIREAT', place, expiry)
  forget(key)
  redis.call('ZADD', index, expiry, key)
  redis.call('HSET', sizes, key, size)
  return {1, redis.call('INCRBY', total, size)}
end

if ARGV[1] == 'remove' then
  local removed = 0
  for position = 4, #KEYS do
    redis.call('UNLINK', KEYS[position])
    if forget(ARGV[position - 2]) then
      removed = removed + 1
    end
  end
  return removed
end

if ARGV[1] == 'keep' then
  local kept, expiry = 0, string.format('%d', now + ARGV[2])
  for position = 4, #KEYS do
    if redis.call('ZSCORE', index, ARGV[position - 1]) then
      redis.call('PEXPIREAT', KEYS[position], expiry)
      redis.call('ZADD', index, expiry, ARGV[position - 1])
      kept = kept + 1
    end
  end
  return kept
end
