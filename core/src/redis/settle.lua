-- Settles an attempt, as limit::Bucket::settle does. KEYS[1] is the bucket.
-- ARGV: limit, window in ms, ms after which an unsettled attempt counts; 'counted', 'refunded' or 'reset'; the ticket
-- of the attempt; 1 if this Redis knew of it (otherwise it may have lost it, or never heard of it); the count and the
-- ms to the window's end that the caller's process had when Redis was away.
-- Answers {counted, in flight, ms to the window's end}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, window, unsettled_after = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local seen, seen_ends_in = tonumber(ARGV[7]), tonumber(ARGV[8])
local row = redis.call('HMGET', KEYS[1], 'count', 'in_flight', 'ends_at', 'granted_at')
local count, in_flight = tonumber(row[1]) or 0, tonumber(row[2]) or 0
local ends_at, granted_at = tonumber(row[3]) or 0, tonumber(row[4]) or now
if in_flight > 0 and now - granted_at >= unsettled_after then
  count, in_flight = count + in_flight, 0
  redis.call('DEL', KEYS[1])
end
local was_in_flight = redis.call('HDEL', KEYS[1], 't' .. ARGV[5]) == 1
if was_in_flight then in_flight = math.max(in_flight - 1, 0) end
if now >= ends_at then count, ends_at = 0, now + window end
if seen > count then
  count, ends_at = seen, math.max(count > 0 and ends_at or 0, now + seen_ends_in)
end
if ARGV[4] == 'counted' and (was_in_flight or ARGV[6] ~= '1') then count = count + 1 end
if ARGV[4] == 'reset' then count = 0 end
if count == 0 and in_flight == 0 then
  redis.call('DEL', KEYS[1])
  return {0, 0, 1}
end
redis.call('HSET', KEYS[1], 'count', count, 'in_flight', in_flight, 'ends_at', ends_at, 'granted_at', granted_at,
  'limit', limit)
redis.call('PEXPIRE', KEYS[1], math.max(ends_at - now, in_flight > 0 and unsettled_after or 0) + 1000)
return {count, in_flight, math.max(ends_at - now, 1)}
