local client = require "spec.support.http.client"
local lastcall = require "lastcall"

local MANY = 1060 -- more than the connections whose objects stay

local function connected(address)
  local conns = {}
  for i = 1, MANY do conns[i] = assert(lastcall.connect(address)) end
  return conns
end

--- The object of a connection that is not busy may serve another one, unless a script has seen it.
describe("the objects of more connections than may stay", function()
  it("are those of their own connections for a handler that has asked for them", function()
    local kept, asked = {}, 0
    client.serving(function(request)
      asked = asked + 1
      local index = request.path:match "^/see/(%d+)"
      if index then
        assert(not kept[index] or rawequal(kept[index], request.conn))
        kept[index] = request.conn
      end
      return request.path
    end, function(address)
      local conns = connected(address)
      for round = 1, 3 do
        for i = 1, MANY do
          local path = i % 10 == round and "/see/" .. i or "/" .. i
          assert.equal(path, client.ask(conns[i], "GET", path).body)
        end
      end
      for i = 1, MANY, 100 do
        if kept[tostring(i)] then assert.equal("/see/" .. i, client.ask(conns[i], "GET", "/see/" .. i).body) end
      end
      local ids = {}
      for index, conn in pairs(kept) do
        assert.equal(select(2, conns[tonumber(index)]:localname()), select(2, conn:peer()))
        assert.is_nil(ids[conn.id])
        ids[conn.id] = true
      end
      for _, conn in ipairs(conns) do conn:close() end
    end)
    assert.is_true(asked >= 3 * MANY)
  end)

  it("are told to on_state, each as the one that it is", function()
    local of_id, moves, wrong = {}, 0, 0
    client.serving(function(request) return tostring(request.conn.id) end, function(address, server)
      server:on_state(function(conn, _, state)
        moves = moves + 1
        if state ~= "active" then return end
        local peer = conn:peer()
        wrong = wrong + (of_id[conn.id] == nil and 0 or of_id[conn.id] == peer and 0 or 1)
        of_id[conn.id] = peer
      end)
      local conns = connected(address)
      for _ = 1, 2 do
        for i = 1, MANY do assert.is_truthy(client.ask(conns[i], "GET", "/").body:find "^%d+$") end
      end
      for _, conn in ipairs(conns) do conn:close() end
    end)
    assert.equal(0, wrong)
    assert.is_true(moves >= 4 * MANY)
  end)

  it("serve another connection when no script has seen them", function()
    client.serving(function() return "x" end, function(address)
      local conns = connected(address)
      for _, conn in ipairs(conns) do assert.equal("x", client.ask(conn, "GET", "/").body) end
      collectgarbage()
      local before = collectgarbage "count"
      for _ = 1, 5 do
        for _, conn in ipairs(conns) do assert.equal("x", client.ask(conn, "GET", "/").body) end
      end
      collectgarbage()
      assert.is_true(collectgarbage "count" - before < 32)
      for _, conn in ipairs(conns) do conn:close() end
    end)
  end)
end)
