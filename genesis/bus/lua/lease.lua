-- Say in whose hands entries are, and that they are alive there: a lease is the time since an entry was last touched.
--
-- KEYS[1]  stream
-- KEYS[2]  hash of attempts of the stream
-- KEYS[3]  hash of totals
-- ARGV[1]  what to do, see below
-- ARGV[2]  group
-- ARGV[3]  consumer that stands for the worker
-- ARGV[4]  length of a lease in milliseconds
-- ARGV[5]  a text, for `died` and `fell`
-- ARGV[6..] entry ids
--
-- begin  the worker takes them to run them; not those that another run has a lease on
-- again  likewise, after an earlier run of this worker's that is over
-- note   the worker runs them already; only those that are still in a bridge's hands
-- renew  the worker still holds them (they run, or their tasks wait for their turn); not those that another worker runs
-- wait   the worker's run is over, and another one is to follow: into the hands of `waiting`
-- back   the worker ends: likewise, and without a lease, so that the next sweep brings them to another worker
-- died   the worker's child was lost while it ran them: the text is kept beside their attempts, and they are without a lease
-- fell   likewise, though it may have run them without asking, and before that was noted
--
-- Returns {ids that this was done with, ids that had been deleted from the stream: they are lost}.

local WAITING, WORKER, BRIDGE = 'waiting', 'worker-', 'bridge-'
local verb, group, me, lease = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = string.format('%d', clock[1] * 1000 + math.floor(clock[2] / 1000))

local function allowed(owner, idle)
  if verb == 'begin' or (verb == 'again' and owner ~= me) then return owner:sub(1, #WORKER) ~= WORKER or idle >= lease end
  if verb == 'note' then return owner:sub(1, #BRIDGE) == BRIDGE end
  if verb == 'fell' then return owner == me or owner:sub(1, #BRIDGE) == BRIDGE end
  if verb == 'wait' or verb == 'died' then return owner == me end
  return owner == me or owner:sub(1, #WORKER) ~= WORKER
end

local done, lost = {}, {}
for i = 6, #ARGV do
  local id = ARGV[i]
  local pending = redis.call('XPENDING', KEYS[1], group, id, id, 1)[1]
  if pending and allowed(pending[2], pending[3]) then
    local field, owner, idle = group .. '|' .. id, me, 0
    if verb == 'renew' then owner = pending[2]
    elseif verb == 'wait' then owner = WAITING
    elseif verb == 'back' then owner, idle = WAITING, lease
    elseif verb == 'died' or verb == 'fell' then
      idle = lease
      local count, first = (redis.call('HGET', KEYS[2], field) or ''):match('^(%d+) (%d+)')
      redis.call('HSET', KEYS[2], field, (count or '0') .. ' ' .. (first or now) .. ' ' .. ARGV[5])
    end
    local claimed = redis.call('XCLAIM', KEYS[1], group, owner, 0, id, 'IDLE', idle, 'JUSTID')
    if #claimed == 0 and #redis.call('XPENDING', KEYS[1], group, id, id, 1) == 0 then
      -- Redis 7 takes a deleted entry out of the pending list itself.
      redis.call('HINCRBY', KEYS[3], KEYS[1] .. '|' .. group .. '|lost', 1)
      redis.call('HDEL', KEYS[2], field)
      lost[#lost + 1] = id
    else
      done[#done + 1] = id
    end
  end
end
return {done, lost}
