-- Time is in seconds in this script, event time.
-- Stores a decision and announces it, in one step; or refuses it.
-- KEYS[1]  hash: subject -> decision (JSON)
-- KEYS[2]  hash: subject -> what later calls must know (MessagePack: pardoned_until, offsets by partition)
-- KEYS[3]  sorted set: subject by expiry
-- ARGV     subject, decision, expiry, origin, action, partition ('' for none), offset,
--          now, time up to which expired decisions are removed, how many at most, channel
-- Returns  1 taken, 0 replayed, 2 refused for a live pardon (ports.Stored)
local subject, decision, expires_at, origin, action = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local partition, offset, now = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])

local packed = redis.call('HGET', KEYS[2], subject)
local known = packed and cmsgpack.unpack(packed) or {pardoned_until = 0, offsets = {}}
local taken = true
if origin == 'engine' then
  if partition ~= '' then
    if offset <= (known.offsets[partition] or -1) then
      return 0
    end
    known.offsets[partition] = offset
  end
  taken = known.pardoned_until <= now
end
if taken then
  known.pardoned_until = (origin == 'operator' and action == 'allow') and tonumber(expires_at) or 0
  redis.call('HSET', KEYS[1], subject, decision)
  redis.call('ZADD', KEYS[3], expires_at, subject)
  redis.call('PUBLISH', ARGV[11], decision)
end
redis.call('HSET', KEYS[2], subject, cmsgpack.pack(known))

for _, expired in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[9], 'LIMIT', 0, ARGV[10])) do
  redis.call('HDEL', KEYS[1], expired)
  redis.call('HDEL', KEYS[2], expired)
  redis.call('ZREM', KEYS[3], expired)
end
return taken and 1 or 2
