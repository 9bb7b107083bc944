-- Asks for one attempt on a bucket, as limit::Bucket::begin does. KEYS[1] is the bucket.
-- ARGV: limit, window in ms, ms after which an unsettled attempt counts; 'begin', 'hit' (counts at once) or 'note'
-- (asks for no attempt); the count and the ms to the window's end that the caller's process had when Redis was away;
-- the ticket of the attempt; the number of tickets in flight that Redis may not know, those tickets, and after them the
-- tickets whose end Redis has not heard of.
-- Answers {0 granted | 1 wait | 2 exceeded, counted, in flight, ms to the window's end}.
-- Each attempt in flight has a field of its own, `t` and its ticket, so that none is counted twice and none ends
-- another.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, window, unsettled_after = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local seen, seen_ends_in, handed_over = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[8])
local row = redis.call('HMGET', KEYS[1], 'count', 'in_flight', 'ends_at', 'granted_at')
local count, in_flight = tonumber(row[1]) or 0, tonumber(row[2]) or 0
local ends_at, granted_at = tonumber(row[3]) or 0, tonumber(row[4]) or now
if in_flight > 0 and now - granted_at >= unsettled_after then
  count, in_flight = count + in_flight, 0
  redis.call('DEL', KEYS[1])
end
for i = 9, 8 + handed_over do
  if redis.call('HSETNX', KEYS[1], 't' .. ARGV[i], 1) == 1 then in_flight, granted_at = in_flight + 1, now end
end
for i = 9 + handed_over, #ARGV do
  if redis.call('HDEL', KEYS[1], 't' .. ARGV[i]) == 1 then in_flight = math.max(in_flight - 1, 0) end
end
if now >= ends_at then count = 0 end
if seen > count then
  count, ends_at = seen, math.max(count > 0 and ends_at or 0, now + seen_ends_in)
end
if (count == 0 and in_flight == 0) or now >= ends_at or ends_at > now + window then
  ends_at = now + window
end
local verdict, ticket = 0, 't' .. ARGV[7]
if redis.call('HEXISTS', KEYS[1], ticket) == 0 then
  if count >= limit then
    verdict = 2
  elseif count + in_flight >= limit then
    verdict = 1
  elseif ARGV[4] == 'hit' then
    count = count + 1
  elseif ARGV[4] == 'begin' then
    in_flight, granted_at = in_flight + 1, now
    redis.call('HSET', KEYS[1], ticket, 1)
  end
end
redis.call('HSET', KEYS[1], 'count', count, 'in_flight', in_flight, 'ends_at', ends_at, 'granted_at', granted_at,
  'limit', limit)
redis.call('PEXPIRE', KEYS[1], math.max(ends_at - now, in_flight > 0 and unsettled_after or 0) + 1000)
return {verdict, count, in_flight, math.max(ends_at - now, 1)}
