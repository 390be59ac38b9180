---@meta lastcall.http
-- lastcall.http: requests, their replies, and what serves them. See meta.lua, and doc/http.md.

local http = {}

--- Makes a handler of requests, which `server:serve` takes.
---@param fn lastcall.HttpFunction
---@param options? lastcall.HttpOptions
---@return lastcall.HttpHandler
function http.handler(fn, options) end

--- `listen`, `serve` and `run` in one. Raises when the address cannot be listened on.
---@param address lastcall.Address|{fd: integer, shared: boolean?}
---@param fn lastcall.HttpFunction
---@param options? lastcall.HttpServeOptions
---@return lastcall.Report
function http.serve(address, fn, options) end

--- Makes a function for the option `access_log`: it writes a line for each reply.
---@param format? string "combined" (the default), "common", or a text with names in braces: {client}, {time}, {request}, {method}, {target}, {path}, {version}, {host}, {status}, {bytes}, {seconds}, {referer}, {user_agent}, {header:NAME}
---@param write? fun(line: string) gets each line, with its end; may not wait (to stdout, dropped where there is no room)
---@return fun(head: string, status: integer, bytes: integer, seconds: number, client: string)
function http.access_log(format, write) end

--- Makes a function of a request and its response, which serves the files of a directory.
---@param root string
---@param options? lastcall.HttpFilesOptions
---@return fun(request: lastcall.HttpRequest, response: lastcall.HttpResponse): ...
function http.files(root, options) end

---@class lastcall.HttpFilesOptions
---@field prefix? string the part of the path that stands for the directory ("/")
---@field index? string a file that stands for its directory, such as "index.html" (none)
---@field max_age? integer seconds, for Cache-Control (none)
---@field types? table<string, string> types by the ending of a name; others are known

--- Makes a function of a request and its response: a page that shows who is at work, and a stop as it runs.
---@param options? lastcall.HttpStatusOptions
---@return fun(request: lastcall.HttpRequest, response: lastcall.HttpResponse): ...
function http.status(options) end

---@class lastcall.HttpStatusOptions
---@field title? string the heading ("lastcall")
---@field access? fun(request: lastcall.HttpRequest): boolean? whether the page is shown (to clients on this machine)
---@field most? integer connections that are listed, up to 80 (50)

--- Makes a handler of a WSAPI application: `http.serve(address, http.wsapi(app))`.
---@param app (fun(env: table): number|string, table, fun(): string?)|{run: function}
---@return fun(request: lastcall.HttpRequest): integer, table, fun(): string?
function http.wsapi(app) end

--- Runs as a task for each request. It returns a body; a status (a whole number that is returned alone is one); a status
--- and a body; a status, headers and a body; or nothing, when it wrote to the response, or when the body of the request
--- has failed. A body is a string, a number, or a function that gives pieces and may wait.
---@alias lastcall.HttpFunction fun(request: lastcall.HttpRequest, response: lastcall.HttpResponse, ctx: lastcall.Context): ...

--- `server:serve` takes it. Called with a connection of a server, in that connection's handler, it serves its requests
--- in the calling task, until no other will come: (waits).
---@class lastcall.HttpHandler
---@overload fun(conn: lastcall.Connection): true?, lastcall.Code?, string?
local HttpHandler = {}

---@class lastcall.HttpOptions
---@field head_timeout? number|false seconds for a head, from its first byte on; then 408 (10)
---@field body_timeout? number|false seconds for each piece of a body (30)
---@field body_rate? integer bytes a second of a body on the average, after the first body_timeout; 0: no bound (240)
---@field keepalive_timeout? number|false seconds between two requests (75)
---@field max_in_flight? integer requests at work; one more is answered with 503 (no bound)
---@field max_body? integer bytes; then 413 (16 MiB)
---@field max_head? integer bytes; then 431 (32 KiB)
---@field max_fields? integer (100)
---@field ready? string a path that lastcall answers to GET and HEAD: 200, and 503 from the moment on when the server is to leave
---@field trusted? string[] networks whose X-Forwarded-For and X-Forwarded-Proto are believed: "10.0.0.0/8", "::1", "unix:" (none)
---@field access_log? fun(head: string, status: integer, bytes: integer, seconds: number, client: string) gets each reply, also those of lastcall: http.access_log() makes one; may not wait (none)

---@class lastcall.HttpServeOptions: lastcall.ServeOptions, lastcall.HttpOptions

--- One request. It raises once its handler has returned.
---@class lastcall.HttpRequest
---@field method string
---@field path string as it was sent, without the query
---@field query? string
---@field target string as it was sent
---@field version "1.1"|"1.0"
---@field headers lastcall.HttpHeaders
---@field host? string of the URL, or of the header Host
---@field scheme "http"|"https" "https" over TLS, or where a trusted proxy says so
---@field peer string the client's address: "host:port"; as far as trusted proxies name it, "host" or "host:port"
---@field conn lastcall.Connection its bytes are HTTP's until an upgrade
---@field id integer
local HttpRequest = {}

--- The path in parts, each decoded once. Empty ones are left out.
---@return string[]? parts
---@return lastcall.Code? code "invalid" for a % that is no escape
---@return string? message
function HttpRequest:segments() end

--- The query, decoded once.
---@return table<string, string>? first the first value of each name
---@return {[1]: string, [2]: string}[]|lastcall.Code|nil all every pair, in order
---@return string? message
function HttpRequest:arguments() end

--- (waits) A form (application/x-www-form-urlencoded) that was sent as the body, decoded once. "invalid" when the body is
--- none, or has a % that is no escape.
---@param max? integer bytes
---@return table<string, string>? first the first value of each name
---@return {[1]: string, [2]: string}[]|lastcall.Code|nil all every pair, in order
---@return string? message
function HttpRequest:form(max) end

--- (waits) What is left of the body. When it fails, a handler may return nothing: lastcall answers 413, 408, 400 or 503.
---@param max? integer bytes; more are "too long"
---@return string? body
---@return lastcall.Code? code
---@return string? message
function HttpRequest:body(max) end

--- (waits) The next piece of the body; nil alone at its end.
---@param max? integer bytes (64 KiB)
---@return string? piece
---@return lastcall.Code? code
---@return string? message
function HttpRequest:read(max) end

--- (waits) A loop over the pieces of the body. It raises when the body is cut.
---@param max? integer bytes of a piece (64 KiB)
---@return fun(): string?
function HttpRequest:chunks(max) end

--- The fields behind a chunked body that has been read, by their names in lower case.
---@return table<string, string>?
function HttpRequest:trailers() end

--- (waits) Sends 101: the connection leaves HTTP, and is the handler's. What came behind the head is read first. From the
--- step stop on the client gets 503 instead, and the connection ends.
---@param protocol string one of those that the client asks for
---@param headers? table<string, string|string[]>
---@return lastcall.Connection? conn
---@return lastcall.Code? code "invalid" when the client has not asked for it, "draining"
---@return string? message
function HttpRequest:upgrade(protocol, headers) end

--- `headers["name"]`, in any case: fields of one name are joined. `pairs` gives each field as it was sent.
---@class lastcall.HttpHeaders
---@field [string] string?
local HttpHeaders = {}

--- Each value of the name.
---@param name string
---@return string[]
function HttpHeaders:all(name) end

---@class lastcall.HttpResponse
---@field status integer (200) to be set before the response begins
---@field headers table<string, string|number|(string|number)[]> likewise
---@field begun boolean whether its head is written
local HttpResponse = {}

--- (waits) Writes a piece of the body; the first call begins the response.
---@param ... string|number
---@return true? written
---@return lastcall.Code? code
---@return string? message
function HttpResponse:write(...) end

--- (waits) Until the kernel has everything written.
---@return true? flushed
---@return lastcall.Code? code
---@return string? message
function HttpResponse:flush() end

--- Sends an interim reply, such as 103, before the response begins.
---@param status integer 102 to 199
---@param headers? table<string, string|string[]>
---@return true? sent
---@return lastcall.Code? code
---@return string? message
function HttpResponse:inform(status, headers) end

--- Sends the client elsewhere: `return response:redirect "/there"`.
---@param location string
---@param status? 301|302|303|307|308 (302)
---@return integer status
---@return table headers
---@return string body
function HttpResponse:redirect(location, status) end

--- (waits) Sends a file: the part that the request asks for, or none when the client has it. `return response:file(path) or 404`.
---@param file string|file* a path, or an open file
---@param options? lastcall.HttpFileOptions
---@return true? sent
---@return lastcall.Code? code when there is no such file: the response has not begun; or when it was not sent whole
---@return string? message
function HttpResponse:file(file, options) end

---@class lastcall.HttpFileOptions
---@field root? string a directory that the path does not lead out of
---@field type? string the Content-Type (by the ending of the name)
---@field max_age? integer seconds, for Cache-Control (none)
---@field types? table<string, string> types by the ending of a name; others are known

--- (waits) Begins the response as a stream of events (text/event-stream), for EventSource.
---@param options? lastcall.HttpEventsOptions
---@return lastcall.HttpStream? stream
---@return lastcall.Code? code
---@return string? message
function HttpResponse:events(options) end

---@class lastcall.HttpEventsOptions
---@field retry? number|false seconds after which a client comes back; each is told half to one and a half of it (2)
---@field heartbeat? number|false seconds of silence after which a comment is sent (15)
---@field max_queue? integer bytes that were posted and wait for a slow client (64 KiB)

---@class lastcall.HttpEvent
---@field data? string|number may have several lines
---@field event? string|number its type; "message" for clients when there is none
---@field id? string|number what the client names as the last that it has seen, when it comes back

--- A stream of events. From the beginning of a drain on its calls return nil, "draining"; nil, "closed" when the client has
--- gone or the stream was closed.
---@class lastcall.HttpStream
---@field last_id? string the last event that the client has seen before
local HttpStream = {}

--- (waits) Sends an event.
---@param event string|number|lastcall.HttpEvent
---@return true? sent
---@return lastcall.Code? code
---@return string? message
function HttpStream:send(event) end

--- (waits) Sends a comment, which clients leave out.
---@param text string
---@return true? sent
---@return lastcall.Code? code
---@return string? message
function HttpStream:comment(text) end

--- Sends an event without waiting, from any task or callback.
---@param event string|number|lastcall.HttpEvent
---@return true? posted
---@return lastcall.Code? code "full" when the client reads too slowly
---@return string? message
function HttpStream:post(event) end

--- (waits) The next value of a channel.
---@param channel lastcall.Channel
---@param seconds? number the longest wait
---@return any value
---@return lastcall.Code? code as those of channel:receive
---@return string? message
function HttpStream:receive(channel, seconds) end

--- (waits) Until the stream is over.
---@param seconds? number the longest wait
---@return nil
---@return lastcall.Code code "draining", "closed", "canceled" or "timeout"
---@return string message
function HttpStream:wait(seconds) end

--- Ends the stream for its handler: calls return nil, "closed".
function HttpStream:close() end

--- Whether the drain has begun.
---@return boolean
function HttpStream:draining() end
