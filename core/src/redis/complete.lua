-- How a request in flight ended. KEYS[1]: its key; for an answer to keep, KEYS[2]: the index of answers.
-- ARGV: ticket, and for an answer to keep: ms, status, headers, body, its bytes, most answers, most bytes in all, roles.
-- The index holds `bytes:key` by the time of expiry and, behind all of them, `sum:bytes`: who loses one loses both.
local row = redis.call('HMGET', KEYS[1], 'ticket', 'status')
if row[1] ~= ARGV[1] or row[2] then return 0 end
if not ARGV[2] then return redis.call('DEL', KEYS[1]) end
local ttl, most_answers, most_bytes = tonumber(ARGV[2]), tonumber(ARGV[7]), tonumber(ARGV[8])
redis.call('HSET', KEYS[1], 'status', ARGV[3], 'headers', ARGV[4], 'body', ARGV[5], 'roles', ARGV[9])
redis.call('PEXPIRE', KEYS[1], ttl)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function bytes_of(member) return tonumber(string.match(member, '^%d+')) end
local last = redis.call('ZRANGE', KEYS[2], -1, -1)[1]
local sum = last and tonumber(string.sub(last, 5)) or 0
if last then redis.call('ZREM', KEYS[2], last) end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do sum = sum - bytes_of(member) end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + ttl, ARGV[6] .. ':' .. KEYS[1])
sum = sum + tonumber(ARGV[6])
local count = redis.call('ZCARD', KEYS[2])
while count > most_answers or sum > most_bytes do
  local first = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
  redis.call('ZREM', KEYS[2], first)
  redis.call('DEL', string.sub(first, string.find(first, ':') + 1))
  count, sum = count - 1, sum - bytes_of(first)
end
redis.call('ZADD', KEYS[2], '+inf', 'sum:' .. sum)
redis.call('PEXPIRE', KEYS[2], math.max(redis.call('PTTL', KEYS[2]), ttl))
return 1
