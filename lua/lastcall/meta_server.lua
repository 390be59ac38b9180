---@meta lastcall
-- Servers, and the numbers that they and their connections give. See meta.lua.

--- One or more listeners, the connections they accepted, and the ladder that ends both. A server stays
--- alive until it is done.
---@class lastcall.Server
local Server = {}

--- (waits) Runs `handler` as a task for each connection, until the server has shut down. Raises after
--- a shutdown has begun, and in a task of this server, because it would wait for itself.
---@param handler lastcall.Handler
---@return lastcall.Report? report
---@return lastcall.Code? code
---@return string? message
function Server:serve(handler) end

--- (waits) Returns the next connection, for loops written by hand. Only the script, the ladder or the peer closes
--- it. When the server stops, lastcall accepts the clients in the queue, and this call hands them out in order; one
--- that it never hands out is lost, and the report is not `lossless`.
---@param seconds? number the longest wait
---@return lastcall.Connection? conn
---@return lastcall.Code? code "closed" once the server has stopped listening and has handed out its queue, "timeout", "canceled"
---@return string? message
function Server:accept(seconds) end

--- Adds an address. In a task, looking a name up (waits).
---@param address lastcall.Address|{fd: integer, shared: boolean?}
---@param options? lastcall.ListenerOptions the others are as given to `lastcall.listen`
---@return true? listening
---@return lastcall.Code? code
---@return string? message
function Server:listen(address, options) end

--- Corrects the place of the server's sockets in their SO_REUSEPORT group, after other members have come or gone.
---@param place lastcall.ReuseportOptions
---@return true
function Server:set_reuseport(place) end

--- Stops listening without losing a client that is connecting, and leaves the connections alone. It does not wait:
--- until the listener has settled, 0.1 s at least, listening there again is `address in use`.
---@param address? lastcall.Address all addresses when absent
---@return integer? count how many listeners are being stopped
---@return lastcall.Code? code
---@return string? message
function Server:unlisten(address) end

--- Replaces the certificates and other options of TLS, for handshakes that begin from now on; see doc/tls.md. When
--- something is wrong with the new ones, the old ones stay.
---@param options lastcall.TlsServerOptions
---@return true? renewed
---@return lastcall.Code? code
---@return string? message
function Server:set_tls(options) end

---@return string[] addresses "host:port" with the port in use
function Server:addresses() end

--- Stops accepting for a while: clients wait in the kernel's queue, and none is refused.
---@return true
function Server:suspend() end

--- Accepts again.
---@return true
function Server:resume() end

--- Whether clients should be sent here: neither the server nor the process is shutting down.
---@return boolean
function Server:ready() end

--- Starts the ladder for this server alone, from stop to kill, without hooks. A further call joins the shutdown under
--- way, and may only shorten it.
---@param seconds? number for the whole shutdown (drain.timeout)
---@return true
function Server:shutdown(seconds) end

--- Ends the server at once: the ladder begins at kill, connections are reset.
---@return true
function Server:close() end

--- (waits) Until the server is done. Raises in a task of this server.
---@return lastcall.Report? report
---@return lastcall.Code? code
---@return string? message
function Server:wait() end

--- The report of a server that is done; nil before.
---@return lastcall.Report?
function Server:report() end

---@return lastcall.Step
function Server:step() end

--- Starts a task that this server owns, in its context. Raises when the server is done.
---@param fn fun(...: any): ...
---@param ... any arguments for fn
---@return lastcall.Task
function Server:go(fn, ...) end

--- Iterates over the connections that exist when it is called.
---@param state? lastcall.State only those in this state
---@return fun(): lastcall.Connection?
function Server:each(state) end

---@return lastcall.Snapshot[]
function Server:connections() end

---@param id integer as in `conn.id`
---@return lastcall.Connection?
function Server:get(id) end

--- How many connections are registered; a closed one is while tasks of it run.
---@param state? lastcall.State only those in this state
---@return integer
function Server:count(state) end

---@return lastcall.ServerStats
function Server:stats() end

--- (waits) Until the number of connections compares with `n` as `operator` says.
---@param operator ">"|">="|"=="|"<="|"<"
---@param n integer
---@param seconds? number the longest wait
---@return true? reached
---@return lastcall.Code? code "timeout", "canceled", or "closed" when the server is done first
---@return string? message
function Server:wait_for(operator, n, seconds) end

--- Closes, in the background, the connections for which the function returns true.
---@param wanted fun(snapshot: lastcall.Snapshot): boolean? may not wait
---@return integer count
function Server:close_where(wanted) end

--- Posts the same data to every connection, without waiting for any.
---@param data string
---@param wanted? fun(conn: lastcall.Connection): boolean? chooses the connections; may not wait
---@return integer queued
---@return integer dropped connections whose queue was full
function Server:broadcast(data, wanted) end

--- Calls `fn` for each move of a connection, in order, between two turns of the loop; the first move has no
--- `from`. nil to stop. With `start = "data"` a function without parameters is the cheapest: a connection that
--- never sends a byte then needs no object.
---@param fn? fun(conn: lastcall.Connection, from: lastcall.State?, to: lastcall.State, cause: string) may not wait
---@param ... lastcall.State only moves into these states (all): a function for "closed" alone costs a request nothing
function Server:on_state(fn, ...) end

--- Calls `fn` for each step of this server's ladder. nil to stop.
---@param fn? fun(step: lastcall.Step, server: lastcall.Server) may not wait
function Server:on_step(fn) end

---@class lastcall.ServerStats
---@field step lastcall.Step
---@field connections integer registered ones
---@field new integer
---@field active integer
---@field idle integer
---@field closing integer
---@field closed integer closed connections whose tasks still run
---@field accepted integer since the server began
---@field received integer bytes, of connections that are closed already
---@field sent integer
---@field resets_at_rest integer connections that their peer reset while neither side owed anything
---@field requests integer of HTTP, whose handlers have returned
---@field in_flight integer requests of HTTP at work
---@field handshakes integer of TLS, done
---@field handshakes_failed integer
---@field late integer connections on which bytes came after lastcall had ended them, by a limit (keepalive_timeout, idle_timeout, max_age) or in the shutdown

--- A connection at one moment.
---@class lastcall.Snapshot
---@field id integer
---@field peer string
---@field state lastcall.State
---@field age number seconds since it was opened
---@field quiet number seconds since the last byte, either way
---@field received integer bytes
---@field sent integer bytes handed to the kernel
---@field unsent integer bytes accepted for writing that the kernel has not taken
---@field unacked? integer bytes in the kernel that the peer's host has not acknowledged; nil on a unix-domain socket
---that has any, because the kernel does not say how many there
---@field request? string "GET /path", while a handler is at work for a request of HTTP
---@field in_handler? number seconds since the head of that request was whole

--- A socket before it listens, as `control` gets it; it cannot be used afterwards.
---@class lastcall.Socket
local Socket = {}

---@return integer? fd the listener still owns it
---@return lastcall.Code? code
---@return string? message
function Socket:fd() end

--- As `conn:setsockopt`.
---@param name string
---@param value integer|boolean
---@return true? set
---@return lastcall.Code? code
---@return string? message
function Socket:setsockopt(name, value) end

---@param name string
---@return integer? value
---@return lastcall.Code? code
---@return string? message
function Socket:getsockopt(name) end
