-- Write a stream anew, so that the bytes of entries that were deleted leave the server's memory, and then its files (see scrub.lua).
-- What can be read of it stays the same (it only forgets the id of a newest entry that was deleted). Only for a stream without groups, such as one of dead letters.
--
-- KEYS[1]  stream
-- ARGV[1]  most entries
-- ARGV[2]  most bytes: beyond these it would hold up the server
--
-- Returns 1; or 0 if the stream has groups, or is too large: nothing was done.

local MOST_FIELDS = 3000 -- of one entry; Lua hands over no more than 8000 words at once

if redis.call('EXISTS', KEYS[1]) == 0 then return 1 end
if #redis.call('XINFO', 'GROUPS', KEYS[1]) > 0 then return 0 end
if redis.call('XLEN', KEYS[1]) > tonumber(ARGV[1]) then return 0 end

local entries, after, bytes = {}, '-', 0
repeat
  local page = redis.call('XRANGE', KEYS[1], after, '+', 'COUNT', 20)
  for _, entry in ipairs(page) do
    if #entry[2] > 2 * MOST_FIELDS then return 0 end
    for _, text in ipairs(entry[2]) do bytes = bytes + #text end
    if bytes > tonumber(ARGV[2]) then return 0 end
    entries[#entries + 1] = entry
    after = '(' .. entry[1]
  end
until #page < 20

redis.call('DEL', KEYS[1])
for _, entry in ipairs(entries) do redis.call('XADD', KEYS[1], entry[1], unpack(entry[2])) end
return 1
