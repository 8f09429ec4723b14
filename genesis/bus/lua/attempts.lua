-- Remove the attempts of entries that are no longer pending: their group or their stream was removed by hand.
--
-- KEYS[1]  stream
-- KEYS[2]  hash of attempts of the stream
-- ARGV[1]  where to go on in the hash: 0, then what the call before returned
--
-- Returns {where to go on (0: this was all), number of fields removed}.

local SOME = 200

local page = redis.call('HSCAN', KEYS[2], ARGV[1], 'COUNT', SOME)
local removed = 0
for i = 1, #page[2], 2 do
  local group, id = page[2][i]:match('^(.*)|(%d+%-%d+)$')
  if group then
    local pending = redis.pcall('XPENDING', KEYS[1], group, id, id, 1)
    local gone = #pending == 0
    if pending.err then gone = pending.err:find('NOGROUP', 1, true) ~= nil end
    if gone then removed = removed + redis.call('HDEL', KEYS[2], page[2][i]) end
  end
end
return {page[1], removed}
