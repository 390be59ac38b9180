rockspec_format = "3.0"
package = "lastcall-tls"
version = "scm-1"

source = {
  -- Built where it lies, beside lastcall of the same version: luarocks make rockspec/lastcall-tls-scm-1.rockspec
  url = "git+file://.",
}

description = {
  summary = "TLS for lastcall: the option `tls` of servers and clients",
  detailed = [[
    The module behind lastcall's option `tls`, by OpenSSL 1.1.1 or later. It closes
    in order: everything written, close_notify, FIN; and tells a truncated stream
    from one that has ended. On Debian and its kin its headers are in libssl-dev.
  ]],
  labels = { "network", "server", "async", "tls" },
  license = "MIT",
}

supported_platforms = { "linux" }

dependencies = {
  "lua >= 5.4, < 5.5",
  "lastcall == scm-1",
}

external_dependencies = {
  OPENSSL = { header = "openssl/ssl.h", library = "ssl" },
}

build = {
  type = "make",
  build_target = "build/rock/lua/lastcall/tls/core.so",
  build_variables = {
    BUILD = "build/rock",
    CC = "$(CC)",
    CFLAGS = "$(CFLAGS) -DNDEBUG",
    LUA_CFLAGS = "-I$(LUA_INCDIR)",
    OPENSSL_INCDIR = "$(OPENSSL_INCDIR)",
    OPENSSL_LIBDIR = "$(OPENSSL_LIBDIR)",
  },
  install_pass = false,
  copy_directories = {},
  install = {
    lib = { ["lastcall.tls.core"] = "build/rock/lua/lastcall/tls/core.so" },
  },
}
