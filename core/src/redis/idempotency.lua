-- Decides what happens to a request. KEYS[1] is the request's key.
-- ARGV: fingerprint, ticket, ms that a request may be in flight, the holder whose share its answer counts for.
-- A ticket that comes again, because its first answer was lost, executes.
-- Answers {0 execute | 1 mismatch | 2 in progress | 3 replay, status, headers, body, roles}.
local row = redis.call('HMGET', KEYS[1], 'fingerprint', 'status', 'headers', 'body', 'ticket', 'roles')
if not row[1] then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'ticket', ARGV[2], 'holder', ARGV[4])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {0, '', '', '', ''}
end
if row[1] ~= ARGV[1] then return {1, '', '', '', ''} end
if not row[2] and row[5] == ARGV[2] then return {0, '', '', '', ''} end
if not row[2] then return {2, '', '', '', ''} end
return {3, row[2], row[3], row[4], row[6] or ''}
