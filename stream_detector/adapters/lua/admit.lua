-- Time is in microseconds since 1970 in this script, except for the expiry of the key, which is in seconds.
-- Lets a call through and reserves what it needs, or refuses it: `admit` of stream_detector/adapters/metering.py.
-- KEYS[1]  hash: 1, 2, 3 arrival times of calls, input and output tokens; u2, u3 usual need; n last number;
--          c<number> "end of the lease, reserved input, reserved output, call" of an open call
-- ARGV     now, seconds to keep the key beyond the last arrival time, lease, most open calls to remember, tokens where
--          nothing is known, retry for streams; call ('' for none), streams (0: any number), 1 if open calls matter;
--          then for calls, input and output tokens: interval (0: no rate), tolerance, need (-1: the usual)
-- Returns  remaining, retry after (0: the call passes), reset after
local now, kept_s = tonumber(ARGV[1]), tonumber(ARGV[2])
local streams = tonumber(ARGV[8])
local found = redis.call('HGETALL', KEYS[1])
local state, open = {}, 0
for place = 1, #found, 2 do
  local name, value = found[place], found[place + 1]
  if string.sub(name, 1, 1) ~= 'c' then
    state[name] = tonumber(value)
  elseif tonumber(string.match(value, '^%d+')) <= now then
    redis.call('HDEL', KEYS[1], name)
  else
    open = open + 1
  end
end

local ahead, cost, wait, last = {0, 0, 0}, {0, 0, 0}, 0, 0
for part = 1, 3 do
  local interval, tolerance, need = tonumber(ARGV[7 + 3 * part]), tonumber(ARGV[8 + 3 * part]), tonumber(ARGV[9 + 3 * part])
  if interval > 0 then
    if need < 0 then
      need = state['u' .. part] or tonumber(ARGV[5])
    end
    ahead[part] = math.max((state[tostring(part)] or 0) - now, 0)
    cost[part] = math.min(need * interval, tolerance)
    wait = math.max(wait, ahead[part] + cost[part] - tolerance)
  end
end
if wait == 0 and streams > 0 and open >= streams then
  wait = tonumber(ARGV[6])
end
if wait > 0 then
  return {0, wait, ahead[1]}
end

for part = 1, 3 do
  if tonumber(ARGV[7 + 3 * part]) > 0 then
    local after = ahead[part] + cost[part]
    redis.call('HSET', KEYS[1], tostring(part), string.format('%.0f', now + after))
    last = math.max(last, after)
  end
end
if ARGV[9] == '1' and ARGV[7] ~= '' and open < tonumber(ARGV[4]) then
  local number = redis.call('HINCRBY', KEYS[1], 'n', 1)
  local lease = string.format('%.0f %.0f %.0f ', now + tonumber(ARGV[3]), cost[2], cost[3])
  redis.call('HSET', KEYS[1], 'c' .. number, lease .. ARGV[7])
end
redis.call('EXPIRE', KEYS[1], string.format('%.0f', math.ceil(last / 1000000) + kept_s))
local after = ahead[1] + cost[1]
return {math.floor((tonumber(ARGV[11]) - after) / tonumber(ARGV[10])), 0, after}
