-- One attempt on a bucket, as limit::Bucket::begin has it. KEYS[1]: the bucket.
-- ARGV: limit, window in ms, ms after which an unsettled attempt counts, 'begin' or 'hit' (settled as counted at once),
-- and what the caller's process had counted when Redis was away: count, ms to the window's end.
-- Answers {0 granted | 1 wait | 2 exceeded, counted, in flight, ms to the window's end}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, window, unsettled_after = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local seen, seen_ends_in = tonumber(ARGV[5]), tonumber(ARGV[6])
local row = redis.call('HMGET', KEYS[1], 'count', 'in_flight', 'ends_at', 'granted_at')
local count, in_flight = tonumber(row[1]) or 0, tonumber(row[2]) or 0
local ends_at, granted_at = tonumber(row[3]) or 0, tonumber(row[4]) or now
if in_flight > 0 and now - granted_at >= unsettled_after then
  count, in_flight = count + in_flight, 0
end
if now >= ends_at then count = 0 end
if seen > count then
  count, ends_at = seen, math.max(count > 0 and ends_at or 0, now + seen_ends_in)
end
if (count == 0 and in_flight == 0) or now >= ends_at or ends_at > now + window then
  ends_at = now + window
end
local verdict = 0
if count >= limit then
  verdict = 2
elseif count + in_flight >= limit then
  verdict = 1
elseif ARGV[4] == 'hit' then
  count = count + 1
else
  in_flight, granted_at = in_flight + 1, now
end
redis.call('HSET', KEYS[1], 'count', count, 'in_flight', in_flight, 'ends_at', ends_at, 'granted_at', granted_at,
  'limit', limit)
redis.call('PEXPIRE', KEYS[1], math.max(ends_at - now, in_flight > 0 and unsettled_after or 0) + 1000)
return {verdict, count, in_flight, math.max(ends_at - now, 1)}
