-- Time is in microseconds since 1970 in this script, except for the expiry of the key, which is in seconds.
-- Counts what a call has used instead of what it reserved: `settle` of stream_detector/adapters/metering.py.
-- KEYS[1]  the hash of admit.lua
-- ARGV     now, seconds to keep the key beyond the last arrival time, tokens where nothing is known, calls of an average,
--          longest time; call ('' for none); then for input and output tokens: interval (0: no rate), used (-1: unknown)
-- Returns  1, or 0 where the call is not open
local now, longest = tonumber(ARGV[1]), tonumber(ARGV[5])
local found = redis.call('HGETALL', KEYS[1])
local state, first, reserved = {}, nil, {0, 0}
for place = 1, #found, 2 do
  local name, value = found[place], found[place + 1]
  if string.sub(name, 1, 1) ~= 'c' then
    state[name] = tonumber(value)
  else
    local input, output, call = string.match(value, '^%d+ (%d+) (%d+) (.*)$')
    local number = tonumber(string.sub(name, 2))
    if call == ARGV[6] and (not first or number < first) then
      first, reserved = number, {tonumber(input), tonumber(output)}
    end
  end
end
if first then
  redis.call('HDEL', KEYS[1], 'c' .. first)
elseif ARGV[6] ~= '' then
  return 0
end

local last = 0
for place = 1, 2 do
  local interval, used, part = tonumber(ARGV[5 + 2 * place]), tonumber(ARGV[6 + 2 * place]), place + 1
  if interval > 0 and used >= 0 then
    local base = state[tostring(part)] or 0
    if not first then
      base = math.max(base, now)
    end
    local tat = math.min(base + math.min(used * interval, longest) - reserved[place], now + longest)
    local usual = state['u' .. part] or tonumber(ARGV[3])
    usual = usual + math.floor((used - usual) / tonumber(ARGV[4]))
    redis.call('HSET', KEYS[1], tostring(part), string.format('%.0f', tat), 'u' .. part, string.format('%.0f', usual))
    last = math.max(last, tat - now)
  end
end
local kept_s = math.ceil(last / 1000000) + tonumber(ARGV[2])
if redis.call('TTL', KEYS[1]) < kept_s then
  redis.call('EXPIRE', KEYS[1], string.format('%.0f', kept_s))
end
return 1
