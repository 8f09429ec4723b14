-- Remove a stream's consumers that hold nothing and were not seen for long. One that is removed by mistake is made again when it
-- reads; to remove one that holds something would lose what it holds, so both happen in this one step.
--
-- KEYS[1]  stream
-- ARGV[1]  milliseconds
-- ARGV[2]  name of a consumer that is kept
--
-- Returns the removed ones: group, consumer, group, consumer ...

local removed = {}
if redis.call('EXISTS', KEYS[1]) == 0 then return removed end

local function named(flat)
  local row = {}
  for i = 1, #flat, 2 do row[flat[i]] = flat[i + 1] end
  return row
end

for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local name = named(group).name
  for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], name)) do
    local consumer = named(flat)
    if consumer.pending == 0 and consumer.idle >= tonumber(ARGV[1]) and consumer.name ~= ARGV[2] then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], name, consumer.name)
      removed[#removed + 1] = name
      removed[#removed + 1] = consumer.name
    end
  end
end
return removed
