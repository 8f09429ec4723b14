-- Take over entries whose lease has run out, to dispatch them again.
--
-- An entry that was being run counts as delivered once more, since its run may be what its worker died of; one that was
-- in a queue, or waited, was not.
--
-- KEYS[1]  stream
-- KEYS[2]  hash of attempts of the stream
-- KEYS[3]  hash of totals
-- ARGV[1]  group
-- ARGV[2]  consumer that stands for the bridge
-- ARGV[3]  length of a lease in milliseconds; 0 takes over whatever is pending
-- ARGV[4]  only from the hands of this consumer; '' from whoever's
-- ARGV[5..] entry ids
--
-- Returns for each that was taken over {id, deliveries, what is known of its last death or '', fields and values, failed runs};
-- a deleted entry has no fields: it is acknowledged here and counted as lost.

local WORKER = 'worker-'
local group, me, lease, owner = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]

local taken = {}
for i = 5, #ARGV do
  local id = ARGV[i]
  local pending = redis.call('XPENDING', KEYS[1], group, id, id, 1)[1]
  if pending and pending[3] >= lease and (owner == '' or owner == pending[2]) then
    local entry, field = redis.call('XRANGE', KEYS[1], id, id)[1], group .. '|' .. id
    if not entry then
      redis.call('HINCRBY', KEYS[3], KEYS[1] .. '|' .. group .. '|lost', 1)
      redis.call('HDEL', KEYS[2], field)
      redis.call('XACK', KEYS[1], group, id)
      taken[#taken + 1] = {id, pending[4], '', {}, 0}
    else
      local note = redis.call('HGET', KEYS[2], field) or ''
      local failed = tonumber(note:match('^%d+') or 0)
      if pending[2]:sub(1, #WORKER) == WORKER then
        redis.call('XCLAIM', KEYS[1], group, me, 0, id, 'RETRYCOUNT', pending[4] + 1, 'JUSTID')
        taken[#taken + 1] = {id, pending[4] + 1, note:match('^%d+ %d+ (.*)$') or '', entry[2], failed}
      else
        redis.call('XCLAIM', KEYS[1], group, me, 0, id, 'JUSTID')
        taken[#taken + 1] = {id, pending[4], '', entry[2], failed}
      end
    end
  end
end
return taken
