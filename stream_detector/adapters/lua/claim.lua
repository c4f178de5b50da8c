-- No time in this script.
-- Takes a partition over: every token handed out before is worthless from now on.
-- KEYS[1]  hash: token, offset
-- KEYS[2]  string: partition state
-- Returns  token, offset (-1: none), partition state (nil: none)
local token = redis.call('HINCRBY', KEYS[1], 'token', 1)
return {token, redis.call('HGET', KEYS[1], 'offset') or '-1', redis.call('GET', KEYS[2])}
