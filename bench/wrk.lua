-- What wrk sends in "make bench": messages into many conversations, each with a number and the time of its POST.
--
-- Arguments: the file of targets (tab-separated: authorization, on-behalf, conversation id), the file that the numbers
-- of accepted messages are written to, the first number, messages a second (0: as fast as they are taken), the length
-- of the filler. A number has nine digits and a time sixteen, so that every request to a target is equally long.
local ffi = require("ffi")
ffi.cdef [[
  struct bench_timeval { long seconds; long micros; };
  int gettimeofday(struct bench_timeval *at, void *zone);
]]

local at = ffi.new("struct bench_timeval")
local heads, middles = {}, {}
local count, number, accepted, tail
local threads = {}
refused = 0
last_refusal = ""

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
  tail = " " .. string.rep("x", tonumber(args[5])) .. '"}}}'
  for line in io.lines(args[1]) do
    local authorization, on_behalf, conversation = line:match("^([^\t]+)\t([^\t]+)\t([^\t]+)$")
    local middle = '","type":"ms.PublishEvent","body":{"dialogId":"' .. conversation
      .. '","event":{"type":"ContentEvent","contentType":"text/plain","message":"bench '
    local length = #'{"kind":"req","id":"' + 9 + #middle + 9 + 1 + 16 + #tail
    heads[#heads + 1] = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port
      .. "\r\nAuthorization: " .. authorization .. "\r\nX-LP-ON-BEHALF: " .. on_behalf
      .. "\r\nContent-Type: application/json\r\nContent-Length: " .. length .. '\r\n\r\n{"kind":"req","id":"'
    middles[#middles + 1] = middle
  end
  count = #heads
  number = tonumber(args[3]) - 1
  accepted = io.open(args[2], "a")
  accepted:setvbuf("full", 16384)
  local rate = tonumber(args[4])
  if rate > 0 then
    delay = pace(rate)
  end
end

function request()
  number = number + 1
  local place = number % count + 1
  local digits = string.format("%09d", number)
  return heads[place] .. digits .. middles[place] .. digits .. " " .. string.format("%016.0f", micros()) .. tail
end

function response(status, _, body)
  local answered = status == 200 and body:match('"reqId":"(%d+)"')
  if answered then
    accepted:write(answered, "\n")
  else
    refused = refused + 1
    last_refusal = status .. " " .. body:sub(1, 200)
  end
end

function done(summary, latency, _)
  local bad, said = 0, ""
  for _, thread in ipairs(threads) do
    bad = bad + thread:get("refused")
    said = bad > 0 and thread:get("last_refusal") or said
  end
  local errors = summary.errors
  io.write("\n", string.format(
    '{"seconds":%.3f,"post_p50_ms":%.2f,"post_p95_ms":%.2f,"post_p99_ms":%.2f,"refused":%d,"cut":%d}',
    summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(95) / 1000,
    latency:percentile(99) / 1000, bad, errors.connect + errors.read + errors.write + errors.timeout), "\n")
  if said ~= "" then
    io.stderr:write("refused: ", said, "\n")
  end
end
