-- Answers from memory after a while, and counts how many wait at once.

local slow = {}
local answers = {}
local waiting, peak = 0, 0

-- Each line: path, page token, body, with tabs between them.
function slow.load(file)
    for line in io.lines(file) do
        local path, token, body = line:match("^([^\t]*)\t([^\t]*)\t(.*)$")
        answers[path .. " " .. token] = body
    end
end

function slow.answer(seconds)
    waiting = waiting + 1
    if waiting > peak then peak = waiting end
    ngx.sleep(seconds)
    waiting = waiting - 1
    local body = answers[ngx.var.uri .. " " .. (ngx.var.arg_page_token or "")]
    if not body then return ngx.exit(404) end
    ngx.header["Content-Length"] = #body
    ngx.print(body)
end

function slow.tell_peak()
    ngx.print(peak)
    peak = 0
end

return slow
