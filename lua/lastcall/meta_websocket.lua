---@meta lastcall.http
-- lastcall.http: WebSocket. See meta_http.lua, and doc/websocket.md.

local http = {}

--- Takes the connection of a request over to WebSocket. Without one it has answered by itself, and the handler returns.
---@param request lastcall.HttpRequest
---@param response lastcall.HttpResponse
---@param options? lastcall.WebsocketOptions
---@return lastcall.Websocket? ws
---@return lastcall.Code? code
---@return string? message
function http.websocket(request, response, options) end

--- Posts a message to many, without waiting.
---@param set table<lastcall.Websocket, any>|lastcall.Websocket[]
---@param text string
---@param kind? "text"|"binary"
---@return integer posted to how many
---@return lastcall.Websocket[]? missed those whose queue was full
function http.broadcast(set, text, kind) end

---@class lastcall.WebsocketOptions
---@field max_message? integer bytes; then Close 1009 (16 MiB)
---@field message_timeout? number|false seconds for a message, from its first byte, and one for each 240 bytes; then Close 1008 (30)
---@field heartbeat? lastcall.WebsocketHeartbeat|false pings ({interval = 30, timeout = 20})
---@field protocols? string[] subprotocols: the first that the client offers, too (none)
---@field origins? string[]|fun(origin: string?, request: lastcall.HttpRequest): boolean who may connect from a page (all)
---@field drain_code? integer of Close in a drain (1001)

--- (waits) Connects to a server of WebSocket, "ws://host:port/path" or "wss://".
---@param url string
---@param options? lastcall.WebsocketClientOptions
---@return lastcall.Websocket? ws
---@return lastcall.Code? code
---@return string? message
function http.connect_websocket(url, options) end

---@class lastcall.WebsocketClientOptions
---@field max_message? integer bytes; then Close 1009 (16 MiB)
---@field message_timeout? number|false as for a server (30)
---@field heartbeat? lastcall.WebsocketHeartbeat|false pings ({interval = 30, timeout = 20})
---@field protocols? string[] subprotocols that are offered (none)
---@field drain_code? integer of Close when a limit ends it (1001)
---@field timeout? number|false seconds to connect and shake hands (10)
---@field headers? table<string, string|string[]> such as Origin, Cookie, Authorization (none)
---@field bind? string the local address
---@field tls? boolean|table TLS options of wss

---@class lastcall.WebsocketHeartbeat
---@field interval? number seconds of silence before a ping
---@field timeout? number seconds for an answer

--- One task reads, others may send.
---@class lastcall.Websocket
---@field peer string
---@field protocol? string the subprotocol that was chosen
---@field conn lastcall.Connection for its options and statistics: reading and writing it raises
---@field code? integer of the peer's Close; 1005: it had none; 1006: the connection has ended without it
---@field reason? string of the peer's Close
local Websocket = {}

--- (waits) For a loop over messages.
---@return fun(): string?, ("text"|"binary")?
function Websocket:messages() end

--- (waits) The next message.
---@return string? message
---@return "text"|"binary"|lastcall.Code kind
---@return string? error
function Websocket:read() end

--- (waits for room) Sends a text, which is UTF-8.
---@param text string
---@return true? sent
---@return lastcall.Code? code
---@return string? message
function Websocket:send(text) end

--- (waits for room) Sends bytes.
---@param bytes string
---@return true? sent
---@return lastcall.Code? code
---@return string? message
function Websocket:send_binary(bytes) end

--- Sends a message without waiting, from any task or callback.
---@param text string
---@param kind? "text"|"binary"
---@return true? posted
---@return lastcall.Code? code "full" when the peer reads too slowly
---@return string? message
function Websocket:post(text, kind) end

--- Sends a ping.
---@param bytes? string 125 at most
---@return true? posted
---@return lastcall.Code? code
---@return string? message
function Websocket:ping(bytes) end

--- (waits) Says Close, drops what still comes, and waits for the peer's Close, at most `linger`.
---@param code? integer 1000 to 1003, 1007 to 1014, 3000 to 4999 (1000; drain_code in a drain)
---@param reason? string up to 123 bytes
---@return true|"pending"? closed
---@return lastcall.Code? code
---@return string? message
---@return integer? unacked
function Websocket:close(code, reason) end
