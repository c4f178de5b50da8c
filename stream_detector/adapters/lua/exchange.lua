-- Time is in seconds in this script: event time in ARGV[4] and in the fields, wall time in ARGV[6] (expiry).
-- Publishes one partition's use of a template and adds up that of the others.
-- KEYS[1]  hash: partition -> 'members young time'
-- ARGV     partition, members, young, now, oldest age that counts, seconds to keep the key
-- Returns  members, young of all other partitions
local now, horizon = tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[6])

local members, young = 0, 0
local uses = redis.call('HGETALL', KEYS[1])
for i = 1, #uses, 2 do
  if uses[i] ~= ARGV[1] then
    local use = {string.match(uses[i + 1], '^(%S+) (%S+) (%S+)$')}
    if now - tonumber(use[3]) <= horizon then
      members = members + tonumber(use[1])
      young = young + tonumber(use[2])
    end
  end
end
return {members, young}
