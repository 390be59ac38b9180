local certificates = require "spec.support.certificates"
local helper = require "spec.helper"

--- Lines in clear until STARTTLS, then an echo of lines.
local function serve_mail(lastcall, seen, more)
  return helper.serve(lastcall, function(conn)
    conn:write "220 ready\n"
    for line in conn:lines() do
      if line == "STARTTLS" then
        conn:write "220 go ahead\n"
        seen.open, seen.code, seen.message = conn:starttls(certificates.server())
        if not seen.open then return end
        conn:write("secret ", conn:tls().version, "\n")
      else
        conn:write(line, "\n")
      end
    end
  end, more)
end

describe("conn:starttls", function()
  teardown(certificates.remove)

  it("goes over to TLS on both sides, and the lines go on", function()
    helper.task(function(lastcall)
      local seen = {}
      local server, address = serve_mail(lastcall, seen)
      local conn = assert(lastcall.connect(address))
      assert.equal("220 ready", conn:read())
      helper.send(conn, "HELO\n")
      assert.equal("HELO", conn:read())
      helper.send(conn, "STARTTLS\n")
      assert.equal("220 go ahead", conn:read())
      lastcall.assert(conn:starttls(certificates.client()))
      assert.equal("secret TLSv1.3", conn:read())
      helper.send(conn, "a line\n")
      assert.equal("a line", conn:read())
      assert.equal("localhost", conn:tls().sni)
      assert.equal(nil, conn:starttls(certificates.client()))
      assert.is_true(conn:close())
      server:close()
    end)
  end)

  it("is what others understand", function()
    helper.task(function(lastcall)
      local seen = {}
      local server, address = helper.serve(lastcall, function(conn)
        conn:write "220 mail ESMTP\r\n"
        for line in conn:lines() do
          if line:find "^EHLO" then
            conn:write "250-mail\r\n250 STARTTLS\r\n"
          elseif line:find "^STARTTLS" then
            conn:write "220 go\r\n"
            seen.open = conn:starttls(certificates.server())
          elseif line:find "^QUIT" then
            conn:write "221 bye\r\n"
            return
          end
        end
      end)
      local output = helper.run_beside(lastcall,
        ("sh -c 'echo QUIT | openssl s_client -quiet -starttls smtp -connect %s'"):format(address))
      assert.matches("221 bye", output)
      assert.is_true(seen.open)
      server:close()
    end)
  end)

  for what, injected in pairs { ["a line"] = "STARTTLS\nDELETE everything\n", ["half a line"] = "STARTTLS\nDEL" } do
    it("resets a connection on which " .. what .. " came in clear behind the question", function()
      helper.task(function(lastcall)
        local seen = {}
        local server, address = serve_mail(lastcall, seen)
        local conn = assert(lastcall.connect(address))
        assert.equal("220 ready", conn:read())
        helper.send(conn, injected)
        while not seen.code do lastcall.sleep(0.002) end
        assert.equal("unread bytes", seen.code)
        assert.matches("in clear", seen.message)
        assert.equal("reset", helper.ends(conn))
        server:close()
      end)
    end)
  end

  it("refuses a client's answer that came with bytes behind it", function()
    helper.task(function(lastcall)
      local server, address = helper.serve(lastcall, function(conn)
        conn:read()
        conn:write "220 go ahead\n250 injected\n"
        conn:read "a"
      end)
      local conn = helper.ask(address, "STARTTLS")
      assert.equal("220 go ahead", conn:read())
      helper.failure("unread bytes", conn:starttls(certificates.client()))
      helper.failure("closed", conn:read())
      server:close()
    end)
  end)

  it("has the time of a handshake, and ends with the context", function()
    helper.task(function(lastcall)
      local seen = {}
      local server, address = serve_mail(lastcall, seen, { handshake_timeout = 0.05 })
      local conn = helper.ask(address, "STARTTLS")
      while seen.open == nil and not seen.code do lastcall.sleep(0.002) end
      assert.equal("timeout", seen.code)
      conn:close()
      server:close()
      local there
      server, address = helper.serve(lastcall, function(one)
        there = one
        lastcall.sleep(20)
      end)
      conn = assert(lastcall.connect(address))
      local code
      local task = lastcall.go(function() code = select(2, conn:starttls(certificates.client())) end)
      while not there or task:status() ~= "waiting" do lastcall.sleep(0.002) end
      task:cancel()
      task:wait()
      assert.equal("canceled", code)
      while conn:state() ~= "closed" do lastcall.sleep(0.002) end
      there:abort()
      server:close()
    end)
  end)

  it("checks the name", function()
    helper.task(function(lastcall)
      local seen = {}
      local server, address = serve_mail(lastcall, seen)
      local conn = assert(lastcall.connect(address))
      conn:read()
      helper.send(conn, "STARTTLS\n")
      conn:read()
      helper.failure("wrong name", conn:starttls(certificates.client { name = "elsewhere.test" }))
      while not seen.code do lastcall.sleep(0.002) end
      assert.equal("handshake failed", seen.code)
      server:close()
    end)
  end)

  it("ends the passing of descriptors on a unix connection", function()
    helper.task(function(lastcall)
      local here, there, server = helper.pair(lastcall, { at = helper.abstract "starttls" })
      here:receive_fds(4, 0)
      local other = lastcall.go(function() return there:starttls(certificates.client()) end)
      assert(here:starttls(certificates.server()))
      assert(other:wait())
      helper.raises("unencrypted ones", here.receive_fds, here, 4)
      helper.raises("unencrypted ones", there.send_fds, there, { 2 }, "x")
      helper.send(there, "still a line\n")
      assert.equal("still a line", here:read())
      for _, one in ipairs { here, there, server } do one:close(0) end
    end)
  end)
end)
