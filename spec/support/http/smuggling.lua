--- Requests that two servers may understand differently: where one of them sees the end of a request, the other may
-- see a body. Each has a second request in that place. A server must refuse the first, and must not answer the second.
--
-- `refused`: {name, text, status (400 unless named)}. `plain`: {name, text, the bodies that the server sees}: unusual,
-- but every server reads them alike.

local EVIL = "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"

--- A request with these lines in its head, and EVIL (or `body`, and EVIL) behind it.
local function post(lines, body)
  return ("POST / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n%s%s"):format(lines, body or "", EVIL)
end
local function chunks(text) return post("Transfer-Encoding: chunked", text) end
local function line(text) return ("%s\r\nHost: a\r\n\r\n%s"):format(text, EVIL) end
local function head(text) return ("GET / HTTP/1.1\r\n%s\r\n\r\n%s"):format(text, EVIL) end

local ZERO, FIVE = "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n"

local refused = {
  -- Content-Length
  { "two lengths that differ", post("Content-Length: 0\r\nContent-Length: 31") },
  { "two lengths that are equal", post("Content-Length: 31\r\nContent-Length: 31") },
  { "lengths in a list", post("Content-Length: 0, 31") },
  { "equal lengths in a list", post("Content-Length: 31, 31") },
  { "a length with a comma", post("Content-Length: 31,") },
  { "a length with plus", post("Content-Length: +31") },
  { "a length with minus", post("Content-Length: -0") },
  { "a length with white space inside", post("Content-Length: 3 1") },
  { "a length in hexadecimal", post("Content-Length: 0x1f") },
  { "a length with a fraction", post("Content-Length: 31.0") },
  { "a length with an exponent", post("Content-Length: 3e1") },
  { "a length with an underscore", post("Content-Length: 3_1") },
  { "a length in quotes", post('Content-Length: "31"') },
  { "an empty length", post("Content-Length:") },
  { "a length beyond 64 bits", post("Content-Length: 18446744073709551616") },
  { "a length of 30 digits", post("Content-Length: 100000000000000000000000000031") },
  { "a length with a NUL", post("Content-Length: 31\0") },
  { "a length behind a vertical tab", post("Content-Length: \v31") },
  { "a length between tabs", post("Content-Length: \t31\t") },
  { "a length with digits of another script", post("Content-Length: \u{ff13}\u{ff11}") },
  { "white space before the colon of a length", post("Content-Length : 31") },
  { "a tab before the colon of a length", post("Content-Length\t: 31") },
  { "a NUL in the name of a length", post("Content-Length\0: 31") },
  { "a length in a folded line", post("Content-Length:\r\n 31") },
  { "a length behind a folded line", post("X: y\r\n Content-Length: 31") },
  { "a length behind a bare LF", post("X: y\nContent-Length: 31") },
  { "a length behind a bare CR", post("X: y\rContent-Length: 31") },
  -- Transfer-Encoding
  { "chunks beside a length", post("Content-Length: 6\r\nTransfer-Encoding: chunked", ZERO) },
  { "a length behind chunks", post("Transfer-Encoding: chunked\r\nContent-Length: 6", ZERO) },
  { "chunks beside a length, in capitals", post("CONTENT-LENGTH: 6\r\nTRANSFER-ENCODING: CHUNKED", ZERO) },
  { "another coding beside a length", post("Content-Length: 6\r\nTransfer-Encoding: identity") },
  { "chunked twice in a list", post("Transfer-Encoding: chunked, chunked", ZERO) },
  { "chunked twice in two lines", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", ZERO) },
  { "chunked, and not last", post("Transfer-Encoding: chunked, identity", ZERO) },
  { "chunked, and another line behind it", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow", ZERO) },
  { "the coding identity", post("Transfer-Encoding: identity"), 501 },
  { "a coding before chunked", post("Transfer-Encoding: gzip, chunked", ZERO), 501 },
  { "a coding whose name ends in chunked", post("Transfer-Encoding: xchunked", ZERO), 501 },
  { "a coding whose name begins with chunked", post("Transfer-Encoding: chunkedx", ZERO), 501 },
  { "chunked with a parameter", post("Transfer-Encoding: chunked;q=1", ZERO) },
  { "chunked in quotes", post('Transfer-Encoding: "chunked"', ZERO) },
  { "an empty coding", post("Transfer-Encoding:") },
  { "a list of no coding", post("Transfer-Encoding: ,") },
  { "chunked behind a vertical tab", post("Transfer-Encoding: \vchunked", ZERO) },
  { "chunked between tabs", post("Transfer-Encoding: \tchunked\t", ZERO) },
  { "chunked with a NUL", post("Transfer-Encoding: chunked\0", ZERO) },
  { "chunks in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" .. ZERO .. EVIL },
  { "white space before the colon of a coding", post("Transfer-Encoding : chunked", ZERO) },
  { "white space before the name of a coding", post(" Transfer-Encoding: chunked", ZERO) },
  { "a coding in a folded line", post("Transfer-Encoding:\r\n chunked", ZERO) },
  { "a coding behind a bare LF", post("X: y\nTransfer-Encoding: chunked", ZERO) },
  { "a coding behind a bare CR", post("X: y\rTransfer-Encoding: chunked", ZERO) },
  { "a name that is no token", post("Transfer Encoding: chunked", ZERO) },
  -- chunks
  { "a chunk size with 0x", chunks("0x5\r\nhello\r\n" .. ZERO) },
  { "a chunk size with plus", chunks("+5\r\nhello\r\n" .. ZERO) },
  { "a chunk size with minus", chunks("-0\r\n\r\n") },
  { "a chunk size behind white space", chunks(" 5\r\nhello\r\n" .. ZERO) },
  { "a chunk size before white space", chunks("5 \r\nhello\r\n" .. ZERO) },
  { "a chunk without a size", chunks("\r\nhello\r\n" .. ZERO) },
  { "a chunk of extensions alone", chunks(";a=b\r\nhello\r\n" .. ZERO) },
  { "a chunk size of 17 digits", chunks("00000000000000005\r\nhello\r\n" .. ZERO) },
  { "a chunk size beyond 64 bits", chunks("10000000000000005\r\nhello\r\n" .. ZERO) },
  { "a chunk size that ends in a bare LF", chunks("5\nhello\r\n" .. ZERO) },
  { "a chunk size that ends in a bare CR", chunks("5\rhello\r\n" .. ZERO) },
  { "a chunk longer than its size", chunks("5\r\nhello!\r\n" .. ZERO) },
  { "a chunk shorter than its size", chunks("6\r\nhello\r\n" .. ZERO) },
  { "a chunk that ends in a bare LF", chunks("5\r\nhello\n" .. ZERO) },
  { "a chunk that ends in CR CR", chunks("5\r\nhello\r\r" .. ZERO) },
  { "a bare LF in an extension", chunks("5;a=\nb\r\nhello\r\n" .. ZERO) },
  { "a bare CR in an extension", chunks("5;a=\rb\r\nhello\r\n" .. ZERO) },
  { "a NUL in an extension", chunks("5;a=\0\r\nhello\r\n" .. ZERO) },
  { "an extension of 300 bytes", chunks("5;" .. ("a"):rep(300) .. "\r\nhello\r\n" .. ZERO) },
  { "a last chunk that ends in a bare LF", chunks("0\n\r\n") },
  { "a body that ends in a bare LF", chunks("0\r\n\n") },
  { "a trailer with a length", chunks("0\r\nContent-Length: 31\r\n\r\n") },
  { "a trailer with a coding", chunks("0\r\nTransfer-Encoding: chunked\r\n\r\n") },
  { "a trailer that ends in a bare LF", chunks("0\r\nX: y\n\r\n") },
  { "a folded trailer", chunks("0\r\nX: y\r\n z\r\n\r\n") },
  { "a trailer without a colon", chunks("0\r\nX\r\n\r\n") },
  -- the line, and the rest of the head
  { "two spaces in the line", line "GET  / HTTP/1.1" },
  { "a tab in the line", line "GET\t/ HTTP/1.1" },
  { "white space behind the version", line "GET / HTTP/1.1 " },
  { "white space before the method", line " GET / HTTP/1.1" },
  { "white space in the target", line "GET /a b HTTP/1.1" },
  { "a second version", line "GET / HTTP/1.1 HTTP/1.1" },
  { "a version in small letters", line "GET / http/1.1" },
  { "a version of two digits", line "GET / HTTP/1.10" },
  { "no version", line "GET /" },
  { "another version", line "GET / HTTP/2.0", 505 },
  { "a NUL in the target", line "GET /\0 HTTP/1.1" },
  { "a line that ends in a bare LF", "GET / HTTP/1.1\nHost: a\r\n\r\n" .. EVIL },
  { "a head that ends in a bare LF", "GET / HTTP/1.1\r\nHost: a\r\n\n" .. EVIL },
  { "two empty lines before a request", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" .. EVIL },
  { "a bare LF before a request", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" .. EVIL },
  { "no host", head "X: y" },
  { "two hosts", head "Host: a\r\nHost: b" },
  { "hosts in a list", head "Host: a, b" },
  { "a host with a user", head "Host: a@b" },
  { "a host with a path", head "Host: a/b" },
  { "a host in a folded line", head "Host:\r\n a" },
  { "white space before the first field", head " Host: a" },
  { "a field without a colon", head "Host: a\r\nX" },
  { "a field without a name", head "Host: a\r\n: y" },
  { "a tunnel", line "CONNECT a:80 HTTP/1.1", 501 },
}

local plain = {
  { "a length with zeros in front", post("Content-Length: 0005", "hello"), { "hello", "" } },
  { "a length between white space", post("Content-Length:   5  ", "hello"), { "hello", "" } },
  { "chunked in capitals", post("Transfer-Encoding: CHUNKED", FIVE), { "hello", "" } },
  { "chunked between white space", post("Transfer-Encoding:  chunked  ", FIVE), { "hello", "" } },
  { "a chunk size with zeros in front", chunks("0005\r\nhello\r\n" .. ZERO), { "hello", "" } },
  { "a chunk with an extension", chunks("5;a=b;c=\"d\"\r\nhello\r\n" .. ZERO), { "hello", "" } },
  { "a body that looks like a request", post("Content-Length: 31", EVIL), { EVIL, "" } },
  { "chunks that look like a request", chunks("1f\r\n" .. EVIL .. "\r\n" .. ZERO), { EVIL, "" } },
  { "one empty line before a request", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" .. EVIL, { "", "" } },
  { "a URL as target", line "GET http://a/ HTTP/1.1", { "", "" } },
}

return { refused = refused, plain = plain }
