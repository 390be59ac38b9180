--- The words with which an operation may fail: those of doc/contract.md, and the names of errnos.

local codes = {}

local known = {}
for word in ([[eof,reset,broken pipe,timeout,peer lost,closed,draining,canceled,too long,full,refused,unreachable,
host not found,address in use,address not available,permission denied,truncated,handshake failed,not tls,
certificate not trusted,certificate expired,certificate revoked,wrong name,unread bytes,
bad certificate,bad key,wrong key,bad ciphers]]):gmatch "[^,\n]+" do
  known[word] = true
end

function codes.is_known(code)
  return type(code) == "string" and (known[code] or code:find "^e%l+%d*$") ~= nil
end

function codes.must_be_known(code)
  if not codes.is_known(code) then error("not a documented code: " .. tostring(code), 0) end
end

return codes
