---@meta lastcall.http
-- lastcall.http: requests to other servers. See meta.lua, and doc/http-client.md.

local http = {}

--- (waits) Sends a request and returns its reply, whose body is read afterwards. `http.request(url, options)`, or one
--- table with the field `url`. A status such as 404 is a reply, not a failure.
---@param url string|lastcall.HttpRequestOptions
---@param options? lastcall.HttpRequestOptions
---@return lastcall.HttpReply? reply
---@return lastcall.Code? code "timeout", "canceled", "refused", "host not found", "invalid" (the reply makes no sense), "too long", "unsupported" (https without the rock lastcall-tls), ...
---@return string? message names the request, the server and the reason
function http.request(url, options) end

--- (waits) `http.request` with the method GET.
---@param url string
---@param options? lastcall.HttpRequestOptions
---@return lastcall.HttpReply? reply
---@return lastcall.Code? code
---@return string? message
function http.get(url, options) end

--- (waits) `http.request` with the method POST.
---@param url string
---@param body? lastcall.HttpBody
---@param options? lastcall.HttpRequestOptions
---@return lastcall.HttpReply? reply
---@return lastcall.Code? code
---@return string? message
function http.post(url, body, options) end

--- Makes a client with connections and settings of its own.
---@param options? lastcall.HttpClientOptions
---@return lastcall.HttpClient
function http.client(options) end

--- A string, a number, a list of strings; or a function that gives pieces and nil at the end, and may wait. Such a body is
--- chunked, unless the headers have its Content-Length.
---@alias lastcall.HttpBody string|number|string[]|fun(): string?

---@class lastcall.HttpRequestOptions
---@field url? string
---@field method? string ("GET")
---@field headers? table<string, string|number|(string|number)[]|false> they replace the client's own of the same names; false leaves one out
---@field body? lastcall.HttpBody
---@field timeout? number|false seconds for the whole exchange, the reply's body included (the client's)
---@field deadline? number the same, by the clock of `lastcall.now`
---@field redirects? integer how many are followed; 0: the first reply is returned (the client's)
---@field auth? string "name:password" for basic authorization; replaces the user of the URL
---@field retry? boolean whether the request may be sent twice (GET, HEAD, OPTIONS, PUT, DELETE, TRACE)
---@field expect? boolean|number the server is asked before the body is sent; seconds to wait for its answer (1)

---@class lastcall.HttpClientOptions
---@field headers? table<string, string|number|(string|number)[]> of each request
---@field timeout? number|false seconds for each whole exchange (false)
---@field connect_timeout? number|false (10)
---@field read_timeout? number|false seconds of silence while a reply is awaited or read (60)
---@field write_timeout? number|false seconds in which the server takes nothing of a request (60)
---@field idle_timeout? number seconds that an unused connection is kept (30)
---@field max_connections? integer requests at a time; others wait (256)
---@field max_per_host? integer requests to one host and port at a time (32)
---@field max_idle? integer unused connections (64)
---@field max_head? integer bytes of a reply's head (32 KiB)
---@field max_fields? integer header fields of a reply (100)
---@field max_body? integer bytes that reply:body returns, unless it is called with another number (16 MiB)
---@field redirects? integer (10)
---@field proxy? string|false "http://user:password@host:port"; false: none (that of the environment)
---@field decompress? boolean whether replies may be compressed by gzip, where the library lua-zlib is there (false)
---@field tls? boolean|lastcall.TlsClientOptions for https (those of `connect`)

--- Requests by it share its connections.
---@class lastcall.HttpClient
local HttpClient = {}

--- (waits) As http.request.
---@param url string|lastcall.HttpRequestOptions
---@param options? lastcall.HttpRequestOptions
---@return lastcall.HttpReply? reply
---@return lastcall.Code? code
---@return string? message
function HttpClient:request(url, options) end

--- (waits) As http.get.
---@param url string
---@param options? lastcall.HttpRequestOptions
---@return lastcall.HttpReply? reply
---@return lastcall.Code? code
---@return string? message
function HttpClient:get(url, options) end

--- (waits) As http.post.
---@param url string
---@param body? lastcall.HttpBody
---@param options? lastcall.HttpRequestOptions
---@return lastcall.HttpReply? reply
---@return lastcall.Code? code
---@return string? message
function HttpClient:post(url, body, options) end

--- Closes the unused connections. Requests under way go on.
---@return true
function HttpClient:close() end

--- Its connection serves another request once the body has been read. It is closed when the reply is closed, when the
--- script forgets the reply, and when the context ends in which the request was made. A variable with `<close>` closes it.
---@class lastcall.HttpReply
---@field status integer
---@field reason string
---@field version "1.1"|"1.0"
---@field headers lastcall.HttpHeaders
---@field url string of the request, or where redirections led; without a password
---@field length? integer the Content-Length
---@field decoded? "gzip" what was undone of the body; the headers are those of the bytes that were sent
local HttpReply = {}

--- (waits) What is left of the body.
---@param max? integer bytes; more are "too long" (max_body)
---@return string? body
---@return lastcall.Code? code "eof" when the server has finished before the end
---@return string? message
function HttpReply:body(max) end

--- (waits) The next piece of the body; nil alone at its end.
---@param max? integer bytes (64 KiB)
---@return string? piece
---@return lastcall.Code? code
---@return string? message
function HttpReply:read(max) end

--- (waits) A loop over the pieces of the body. It raises when the body is cut.
---@param max? integer bytes of a piece (64 KiB)
---@return fun(): string?
function HttpReply:chunks(max) end

--- The fields behind a chunked body that has been read, by their names in lower case.
---@return table<string, string>?
function HttpReply:trailers() end

--- Gives up what has not been read.
---@return true
function HttpReply:close() end
