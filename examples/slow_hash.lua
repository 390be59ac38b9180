-- Password hashing that takes a quarter of a second: PBKDF2 with SHA-256. The helpers of passwords.lua load it.
--
-- It is here because it takes long and needs no library. A real service calls argon2 or bcrypt in the same way, as
-- lastcall.offload("argon2.hash_encoded", password, salt).

local slow_hash = {}

local ROUNDS = 7000

--- The first 32 bits of the fractional parts of the roots of the first primes.
local function fractions(count, root)
  local list, candidate = {}, 2
  while #list < count do
    local is_prime = true
    for d = 2, math.floor(candidate ^ 0.5) do is_prime = is_prime and candidate % d ~= 0 end
    if is_prime then list[#list + 1] = math.floor(candidate ^ (1 / root) % 1 * 2 ^ 32) end
    candidate = candidate + 1
  end
  return list
end

local K, START = fractions(64, 3), fractions(8, 2)

local function rotate(x, n) return (x >> n | x << (32 - n)) & 0xffffffff end

--- One block of 64 bytes, at `from`.
local function compress(state, bytes, from)
  local w = { string.unpack(">" .. ("I4"):rep(16), bytes, from) }
  for i = 17, 64 do
    local a, b = w[i - 15], w[i - 2]
    a = rotate(a, 7) ~ rotate(a, 18) ~ a >> 3
    b = rotate(b, 17) ~ rotate(b, 19) ~ b >> 10
    w[i] = (w[i - 16] + a + w[i - 7] + b) & 0xffffffff
  end
  local a, b, c, d, e, f, g, h = table.unpack(state)
  for i = 1, 64 do
    local one = h + (rotate(e, 6) ~ rotate(e, 11) ~ rotate(e, 25)) + (e & f ~ ~e & g) + K[i] + w[i]
    local two = (rotate(a, 2) ~ rotate(a, 13) ~ rotate(a, 22)) + (a & b ~ a & c ~ b & c)
    a, b, c, d, e, f, g, h = (one + two) & 0xffffffff, a, b, c, (d + one) & 0xffffffff, e, f, g
  end
  local next_state = { a, b, c, d, e, f, g, h }
  for i = 1, 8 do next_state[i] = (next_state[i] + state[i]) & 0xffffffff end
  return next_state
end

--- SHA-256 of `bytes`, which follow the `before` bytes that `state` has had.
local function sha256(bytes, state, before)
  state, before = state or START, before or 0
  local length = (before + #bytes) * 8
  bytes = bytes .. "\128" .. ("\0"):rep((55 - #bytes) % 64) .. string.pack(">I8", length)
  for from = 1, #bytes, 64 do state = compress(state, bytes, from) end
  return string.pack(">" .. ("I4"):rep(8), table.unpack(state))
end

--- A function that computes the HMAC of messages with this key.
local function hmac(key)
  if #key > 64 then key = sha256(key) end
  key = key .. ("\0"):rep(64 - #key)
  local function pad(byte)
    local padded = key:gsub(".", function(c) return string.char(c:byte() ~ byte) end)
    return compress(START, padded, 1)
  end
  local inner, outer = pad(0x36), pad(0x5c)
  return function(message) return sha256(sha256(message, inner, 64), outer, 64) end
end

--- PBKDF2 with 32 bytes of output.
function slow_hash.pbkdf2(password, salt, rounds)
  local mac = hmac(password)
  local last = mac(salt .. "\0\0\0\1")
  local words = { string.unpack("=I8I8I8I8", last) }
  for _ = 2, rounds do
    last = mac(last)
    local more = { string.unpack("=I8I8I8I8", last) }
    for i = 1, 4 do words[i] = words[i] ~ more[i] end
  end
  return string.pack("=I8I8I8I8", table.unpack(words, 1, 4))
end

local function hex(bytes) return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end

--- What is kept of a password: the rounds, the salt and the hash.
function slow_hash.make(password, salt)
  return ("%d:%s:%s"):format(ROUNDS, hex(salt), hex(slow_hash.pbkdf2(password, salt, ROUNDS)))
end

--- Whether it is the password that this was made of. The comparison takes as long wherever they differ.
function slow_hash.is(password, kept)
  local rounds, salt, hash = kept:match "^(%d+):(%x+):(%x+)$"
  salt = salt:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end)
  local other, difference = hex(slow_hash.pbkdf2(password, salt, tonumber(rounds))), 0
  for i = 1, #hash do difference = difference | hash:byte(i) ~ other:byte(i) end
  return difference == 0
end

return slow_hash
