-- How a request in flight ended. KEYS[1]: its key. ARGV: ticket, and for an answer to keep: ms, status, headers, body.
local row = redis.call('HMGET', KEYS[1], 'ticket', 'status')
if row[1] ~= ARGV[1] or row[2] then return 0 end
if not ARGV[2] then return redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'status', ARGV[3], 'headers', ARGV[4], 'body', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
