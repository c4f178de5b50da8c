-- Time is in seconds in this script (expiry of profiles).
-- Writes a whole checkpoint, or nothing.
-- KEYS[1]  hash: token, offset
-- KEYS[2]  string: partition state
-- KEYS[3]  and on: string: one profile each
-- ARGV     token, offset, seconds to keep a profile, partition state, then one profile per KEYS[3] and on
-- Returns  'written' and the offset; or why not: 'token' and the latest one, 'offset' and the later one
local stored = redis.call('HMGET', KEYS[1], 'token', 'offset')
if stored[1] ~= ARGV[1] then
  return {'token', stored[1] or '0'}
end
if tonumber(ARGV[2]) < tonumber(stored[2] or '-1') then
  return {'offset', stored[2]}
end
for i = 3, #KEYS do
  redis.call('SET', KEYS[i], ARGV[i + 2], 'EX', ARGV[3])
end
redis.call('SET', KEYS[2], ARGV[4])
redis.call('HSET', KEYS[1], 'offset', ARGV[2])
return {'written', ARGV[2]}
