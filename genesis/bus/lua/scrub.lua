-- Remove an entry so that its bytes leave the server's files, too: with the entries that lie in one block of memory with it.
--
-- XDEL only marks an entry as deleted, and a block is saved as it is, marked entries and all (a rewritten append-only file begins
-- with such blocks). It goes when all its entries have gone. Where blocks begin and end nobody tells; but one has not more bytes,
-- and not more entries, than the server's settings say. So whatever may share the block goes, too, in the same step, and only
-- if every group has settled all of it.
--
-- KEYS[1]  stream
-- ARGV[1]  id of the entry
-- ARGV[2]  most bytes of a block
-- ARGV[3]  most entries of a block
-- ARGV[4..] groups that must be there: one that is missing will be made again, and is to see everything
--
-- Returns {'done', other entries that went with it}; {'gone'}: there is no such entry;
--         {'unsettled', 1 if that is the entry itself, 0 if it is one beside it}: nothing was done.

local ENTRY, BYTES, COUNT = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local function size(entry)
  local bytes = 0
  for i = 2, #entry[2], 2 do bytes = bytes + #entry[2][i] end
  return bytes
end

local found = redis.call('XRANGE', KEYS[1], ENTRY, ENTRY)
if #found == 0 then return {'gone'} end

-- The entries from this one on, in one direction, as long as they may lie in one block with it.
local function beside(command, first, last)
  local ids, bytes = {}, size(found[1])
  while #ids < COUNT do
    local page = redis.call(command, KEYS[1], first, last, 'COUNT', 1)
    if #page == 0 then break end
    bytes = bytes + size(page[1])
    if bytes > BYTES then break end
    ids[#ids + 1] = page[1][1]
    first = '(' .. page[1][1]
  end
  return ids
end

local before, after = beside('XREVRANGE', '(' .. ENTRY, '-'), beside('XRANGE', '(' .. ENTRY, '+')
local oldest, newest = before[#before] or ENTRY, after[#after] or ENTRY

local function less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

local function later(a, b) -- ids are compared as text, since their numbers may be larger than Lua can count
  local time_a, number_a = a:match('^(%d+)-(%d+)$')
  local time_b, number_b = b:match('^(%d+)-(%d+)$')
  if time_a ~= time_b then return less(time_b, time_a) end
  return less(number_b, number_a)
end

local there, missing = {}, false
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for i = 1, #flat, 2 do group[flat[i]] = flat[i + 1] end
  there[group.name] = true
  local read = group['last-delivered-id']
  if later(ENTRY, read) or #redis.call('XPENDING', KEYS[1], group.name, ENTRY, ENTRY, 1) > 0 then return {'unsettled', 1} end
  if later(newest, read) or #redis.call('XPENDING', KEYS[1], group.name, oldest, newest, 1) > 0 then return {'unsettled', 0} end
end
for i = 4, #ARGV do
  if not there[ARGV[i]] then missing = true end
end
if missing then return {'unsettled', 1} end

redis.call('XDEL', KEYS[1], ENTRY, unpack(before))
if #after > 0 then redis.call('XDEL', KEYS[1], unpack(after)) end
return {'done', #before + #after}
