-- Ends a request in flight. KEYS[1] is the request's key. To keep an answer it needs KEYS[2], the index of answers, and
-- KEYS[3] and KEYS[4], the shares that unverified and verified holders have of all answers.
-- ARGV: ticket, and to keep an answer: ms, status, headers, body, its bytes, most answers, most bytes in all, roles.
-- The index holds `bytes:holder:key` by the time of expiry and, as its last member, `sum:bytes:answers:bytes`: the
-- bytes of all answers, then the number and the bytes of those of unverified holders. So index and sums can only be
-- lost together. Each holder has an index of its own with the same members.
local row = redis.call('HMGET', KEYS[1], 'ticket', 'status', 'holder')
if row[1] ~= ARGV[1] or row[2] then return 0 end
if not ARGV[2] then return redis.call('DEL', KEYS[1]) end
local ttl, bytes = tonumber(ARGV[2]), tonumber(ARGV[6])
local most_answers, most_bytes = tonumber(ARGV[7]), tonumber(ARGV[8])
local index, holder = KEYS[2], row[3] or 'u.old'
local function class_of(name) return string.sub(name, 1, 1) == 'v' and KEYS[4] or KEYS[3] end
local function own_of(name) return index .. ':' .. name end
local function part_of(size) return size / most_bytes + 1 / most_answers end

local last = redis.call('ZRANGE', index, -1, -1)[1]
local sums = { 0, 0, 0 }
if last then
  redis.call('ZREM', index, last)
  sums = { string.match(last, '^sum:(%d+):(%d+):(%d+)$') }
end
local sum, unverified, unverified_bytes = tonumber(sums[1]), tonumber(sums[2]), tonumber(sums[3])
local count = redis.call('ZCARD', index)
local function note(name, size, sign)
  sum, count = sum + sign * size, count + sign
  if string.sub(name, 1, 1) == 'u' then unverified, unverified_bytes = unverified + sign, unverified_bytes + sign * size end
end
local function drop(member)
  local size, name, key = string.match(member, '^(%d+):([uv][^:]*):(.*)$')
  redis.call('ZREM', index, member)
  redis.call('ZREM', own_of(name), member)
  if redis.call('EXISTS', own_of(name)) == 1 then redis.call('ZINCRBY', class_of(name), -part_of(size), name)
  else redis.call('ZREM', class_of(name), name) end
  note(name, tonumber(size), -1)
  return key
end
-- Of the holder with the largest share in a class, returns the answer that expires first.
local function oldest_of(class)
  local largest = redis.call('ZREVRANGE', class, 0, 0)[1]
  while largest do
    local member = redis.call('ZRANGE', own_of(largest), 0, 0)[1]
    if member then return member end
    redis.call('ZREM', class, largest)
    largest = redis.call('ZREVRANGE', class, 0, 0)[1]
  end
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, member in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now)) do drop(member) end
local is_kept = bytes <= most_bytes
while is_kept and (count + 1 > most_answers or sum + bytes > most_bytes) do
  local victim = oldest_of(KEYS[3])
  -- Answers of verified holders go last. Unverified holders may take up to a sixteenth of the room from them.
  local is_little = unverified < most_answers / 16 and unverified_bytes + bytes <= most_bytes / 16
  if not victim and (string.sub(holder, 1, 1) == 'v' or is_little) then victim = oldest_of(KEYS[4]) end
  if victim then redis.call('DEL', drop(victim)) else is_kept = false end
end
if is_kept then
  redis.call('HSET', KEYS[1], 'status', ARGV[3], 'headers', ARGV[4], 'body', ARGV[5], 'roles', ARGV[9])
  redis.call('PEXPIRE', KEYS[1], ttl)
  local member = bytes .. ':' .. holder .. ':' .. KEYS[1]
  redis.call('ZADD', index, now + ttl, member)
  redis.call('ZADD', own_of(holder), now + ttl, member)
  redis.call('ZINCRBY', class_of(holder), part_of(bytes), holder)
  note(holder, bytes, 1)
else
  redis.call('DEL', KEYS[1])
end
if count > 0 then redis.call('ZADD', index, '+inf', string.format('sum:%d:%d:%d', sum, unverified, unverified_bytes)) end
for _, key in ipairs({ index, class_of(holder), own_of(holder) }) do
  if redis.call('EXISTS', key) == 1 then redis.call('PEXPIRE', key, math.max(redis.call('PTTL', key), ttl)) end
end
return is_kept and 1 or 0
