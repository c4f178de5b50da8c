-- Time is in microseconds since 1970 in this script, except for the expiry of the key, which is in seconds.
-- Counts one call against a limit: the generic cell rate algorithm of stream_detector/adapters/gcra.py.
-- KEYS[1]  string: theoretical arrival time (TAT)
-- ARGV     now, emission interval, tolerance, seconds to keep the key beyond the TAT
-- Returns  remaining, retry after (0: the call passes), reset after
local now = tonumber(ARGV[1])
local interval = tonumber(ARGV[2])
local tolerance = tonumber(ARGV[3])

local ahead = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') - now, 0)
if ahead + interval > tolerance then
  return {0, ahead + interval - tolerance, ahead}
end
ahead = ahead + interval
local kept_s = math.ceil(ahead / 1000000) + tonumber(ARGV[4])
redis.call('SET', KEYS[1], string.format('%.0f', now + ahead), 'EX', string.format('%.0f', kept_s))
return {math.floor((tolerance - ahead) / interval), 0, ahead}
