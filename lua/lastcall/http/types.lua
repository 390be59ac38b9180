--- Content types by the end of a file's name. Text is taken to be UTF-8.

local TEXT = {
  css = "css", csv = "csv", htm = "html", html = "html", ics = "calendar", js = "javascript", log = "plain",
  lua = "plain", md = "markdown", mjs = "javascript", txt = "plain", vtt = "vtt", xml = "xml",
}

local types = {
  avif = "image/avif", bmp = "image/bmp", gif = "image/gif", ico = "image/x-icon", jpeg = "image/jpeg",
  jpg = "image/jpeg", png = "image/png", svg = "image/svg+xml", webp = "image/webp",
  aac = "audio/aac", flac = "audio/flac", mp3 = "audio/mpeg", oga = "audio/ogg", ogg = "audio/ogg", opus = "audio/ogg",
  wav = "audio/wav",
  mp4 = "video/mp4", ogv = "video/ogg", webm = "video/webm",
  otf = "font/otf", ttf = "font/ttf", woff = "font/woff", woff2 = "font/woff2",
  ["7z"] = "application/x-7z-compressed", bz2 = "application/x-bzip2", gz = "application/gzip",
  tar = "application/x-tar", xz = "application/x-xz", zip = "application/zip", zst = "application/zstd",
  atom = "application/atom+xml", json = "application/json", jsonld = "application/ld+json", map = "application/json",
  pdf = "application/pdf", rss = "application/rss+xml", wasm = "application/wasm",
  webmanifest = "application/manifest+json",
}

for ending, kind in pairs(TEXT) do types[ending] = ("text/%s; charset=utf-8"):format(kind) end

--- The type of a file by its name; `more` is the script's own table, and is asked first.
return function(name, more)
  local ending = (name:match "%.([^./]+)$" or ""):lower()
  return more and more[ending] or types[ending] or "application/octet-stream"
end
