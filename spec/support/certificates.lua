--- Certificates for specs, made by openssl when a spec asks for them; none is kept.

local certificates = {}

local folder
local made = {}

local function sh(format, ...)
  local command = format:format(...)
  assert(os.execute(("cd '%s' && (%s) >/dev/null 2>log || (cat log >&2; false)"):format(folder, command)), command)
end

local function path(name) return folder .. "/" .. name .. ".pem" end

local function make_folder()
  folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir '" .. folder .. "'"))
  sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 " ..
    "-subj '/CN=CA of the specs'")
end

--- The certificate of the authority that signs the others: a path.
function certificates.authority()
  if not folder then make_folder() end
  return path "ca"
end

--- The paths {certificate =, key =} of a certificate for `name` (localhost). `how`: {days =, self_signed =,
-- names = "DNS:...,IP:..."}.
function certificates.of(name, how)
  name, how = name or "localhost", how or {}
  local id = name .. (how.days or "") .. (how.self_signed and "s" or "") .. (how.names or "") .. (how.again or "")
  id = id:gsub("[^%w]", "_")
  if made[id] then return made[id] end
  certificates.authority()
  local names = how.names or name == "localhost" and "DNS:localhost,IP:127.0.0.1" or "DNS:" .. name
  sh("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out %s.key", id)
  sh("openssl req -new -key %s.key -subj '/CN=%s' -out %s.csr", id, name, id)
  sh("echo subjectAltName=%s >%s.ext", names, id)
  local signer = how.self_signed and ("-signkey %s.key"):format(id) or "-CA ca.pem -CAkey ca.key -CAcreateserial"
  sh("openssl x509 -req -in %s.csr %s -days %d -extfile %s.ext -out %s.pem", id, signer, how.days or 2, id, id)
  made[id] = { certificate = path(id), key = folder .. "/" .. id .. ".key" }
  return made[id]
end

--- Options of a server with the certificate of localhost, and `more`.
function certificates.server(more)
  local options = {}
  for field, value in pairs(certificates.of()) do options[field] = value end
  for field, value in pairs(more or {}) do options[field] = value end
  return options
end

--- Options of a client that trusts the authority, and `more`.
function certificates.client(more)
  local options = { ca = certificates.authority(), name = "localhost" }
  for field, value in pairs(more or {}) do options[field] = value end
  return options
end

function certificates.remove()
  if folder then os.execute("rm -rf '" .. folder .. "'") end
  folder, made = nil, {}
end

return certificates
