-- Mend a stream's own count of what its groups have not read.
--
-- Redis 7 counts the entries that a group has read, but does not write that count into its append-only file with each
-- read: after a restart it is too low, and the lag too high, for good. (Redis 6.2 does not count.)
--
-- KEYS[1]  stream
-- ARGV[1]  most entries to count
--
-- Returns the number of groups whose count was mended.

local function read(flat)
  local told = {}
  for i = 1, #flat, 2 do told[flat[i]] = flat[i + 1] end
  return told
end

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local most, added, mended = tonumber(ARGV[1]), nil, 0
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = read(flat)
  if group.lag and group.lag > 0 then
    added = added or read(redis.call('XINFO', 'STREAM', KEYS[1]))['entries-added']
    local unread = #redis.call('XRANGE', KEYS[1], '(' .. group['last-delivered-id'], '+', 'COUNT', most)
    if unread < most and unread ~= group.lag then
      redis.call('XGROUP', 'SETID', KEYS[1], group.name, group['last-delivered-id'], 'ENTRIESREAD', added - unread)
      mended = mended + 1
    end
  end
end
return mended
