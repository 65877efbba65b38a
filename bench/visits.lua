-- What wrk sends to the Monitoring API: prepared bodies, in turn, each in its session.
--
-- Arguments: the file of requests (tab-separated: path, body), requests a second (0: as fast as they are answered).
local ffi = require("ffi")
ffi.cdef [[
  struct bench_timeval { long seconds; long micros; };
  int gettimeofday(struct bench_timeval *at, void *zone);
]]

local at = ffi.new("struct bench_timeval")
local requests = {}
local number = 0
local threads = {}
good, bad = 0, 0

local function micros()
  ffi.C.gettimeofday(at, nil)
  return tonumber(at.seconds) * 1000000 + tonumber(at.micros)
end

function setup(thread)
  threads[#threads + 1] = thread
end

local function pace(rate)
  local slot = micros() / 1000
  return function()
    local now = micros() / 1000
    slot = slot + 1000 / rate
    return slot > now and slot - now or 0
  end
end

function init(args)
  for line in io.lines(args[1]) do
    local path, body = line:match("^([^\t]+)\t(.+)$")
    requests[#requests + 1] = "POST " .. path .. " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port
      .. "\r\nContent-Type: application/json\r\nOrigin: https://shop.example\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0)"
      .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
  end
  local rate = tonumber(args[2])
  if rate > 0 then
    delay = pace(rate)
  end
end

function request()
  number = number + 1
  return requests[number % #requests + 1]
end

function response(status)
  if status == 200 then
    good = good + 1
  else
    bad = bad + 1
  end
end

function done(summary, latency, _)
  local answered, refused = 0, 0
  for _, thread in ipairs(threads) do
    answered = answered + thread:get("good")
    refused = refused + thread:get("bad")
  end
  local errors = summary.errors
  io.write("\n", string.format(
    '{"seconds":%.3f,"answered":%d,"refused":%d,"cut":%d,"p50_ms":%.2f,"p95_ms":%.2f,"p99_ms":%.2f}',
    summary.duration / 1e6, answered, refused, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000), "\n")
end
