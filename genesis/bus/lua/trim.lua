-- Remove a stream's oldest entries: only such as every group has settled, and not the newest ones. Nothing depends on who
-- calls it, or on what the caller believes: the bound is the groups' state at this moment.
--
-- KEYS[1]  stream
-- ARGV[1]  number of entries to keep
-- ARGV[2]  most entries to remove in this call
-- ARGV[3..] groups that must be there: one that is missing will be made again, and is to see everything
--
-- Returns {removed, 1 if there is more to remove, else 0, bound}: the bound is the id before which all is settled;
--         {'missing', group, ...}: these groups are not there, nothing was done;
--         {'unread'}: there is no group at all, nothing was done.

local PAGE = 20
local MOST_BYTES = 1000000 -- looked at in one call, give or take a page: few entries are large

-- Ids are compared as text, since their numbers may be larger than Lua can count.
local function less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

local function before(a, b)
  local time_a, number_a = a:match('^(%d+)-(%d+)$')
  local time_b, number_b = b:match('^(%d+)-(%d+)$')
  if time_a ~= time_b then return less(time_a, time_b) end
  return less(number_a, number_b)
end

local function next_after(id)
  local time, number = id:match('^(%d+)-(%d+)$')
  if #number > 15 then return id end -- one entry less is removed
  return time .. '-' .. string.format('%.0f', tonumber(number) + 1)
end

local groups = {}
if redis.call('EXISTS', KEYS[1]) == 1 then groups = redis.call('XINFO', 'GROUPS', KEYS[1]) end

local there, bound = {}, nil
for _, flat in ipairs(groups) do
  local group = {}
  for i = 1, #flat, 2 do group[flat[i]] = flat[i + 1] end
  there[group.name] = true
  local unsettled = next_after(group['last-delivered-id'])
  if group.pending > 0 then
    local oldest = redis.call('XPENDING', KEYS[1], group.name, '-', '+', 1)[1][1]
    if before(oldest, unsettled) then unsettled = oldest end
  end
  if not bound or before(unsettled, bound) then bound = unsettled end
end

local missing = {'missing'}
for i = 3, #ARGV do
  if not there[ARGV[i]] then missing[#missing + 1] = ARGV[i] end
end
if #missing > 1 then return missing end
if not bound then return {'unread'} end

local excess = redis.call('XLEN', KEYS[1]) - tonumber(ARGV[1])
if excess <= 0 then return {0, 0, bound} end

-- Find the first entry that stays: the one after those to remove, if it comes before the bound.
local wanted = math.min(excess, tonumber(ARGV[2])) + 1
local stays, seen, bytes = '-', 0, 0
repeat
  local count = math.min(PAGE, wanted - seen)
  local page = redis.call('XRANGE', KEYS[1], seen == 0 and '-' or '(' .. stays, '(' .. bound, 'COUNT', count)
  if #page < count then
    stays = bound
    break
  end
  seen, stays = seen + count, page[count][1]
  for _, entry in ipairs(page) do
    for _, text in ipairs(entry[2]) do bytes = bytes + #text end
  end
until seen == wanted or (seen > 1 and bytes > MOST_BYTES)

local removed = redis.call('XTRIM', KEYS[1], 'MINID', '=', stays)
return {removed, removed > 0 and stays ~= bound and excess > removed and 1 or 0, bound}
