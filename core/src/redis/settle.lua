-- How an attempt ended, as limit::Bucket::settle has it. KEYS[1]: the bucket.
-- ARGV: ms after which an unsettled attempt counts, 'counted', 'refunded' or 'reset'.
-- Answers {counted, in flight, ms to the window's end, limit}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local row = redis.call('HMGET', KEYS[1], 'count', 'in_flight', 'ends_at', 'granted_at', 'limit')
if not row[1] then return {0, 0, 1, 1} end
local count, in_flight = tonumber(row[1]), tonumber(row[2])
local ends_at, granted_at = tonumber(row[3]), tonumber(row[4])
if in_flight > 0 and now - granted_at >= tonumber(ARGV[1]) then
  count, in_flight = count + in_flight, 0
end
if now >= ends_at then count = 0 end
if ARGV[2] == 'counted' and in_flight > 0 then count = count + 1 end
if ARGV[2] == 'reset' then count = 0 end
in_flight = math.max(in_flight - 1, 0)
if count == 0 and in_flight == 0 then
  redis.call('DEL', KEYS[1])
  return {0, 0, 1, tonumber(row[5])}
end
redis.call('HSET', KEYS[1], 'count', count, 'in_flight', in_flight)
return {count, in_flight, math.max(ends_at - now, 1), tonumber(row[5])}
