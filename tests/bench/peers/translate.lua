-- What a team would write in a day: the schedules of bulk syncs between both versions.

local cjson = require "cjson"
local translate = {}

local HIDDEN = {
    id = true, created_at = true, created_by = true, updated_at = true, updated_by = true,
    selective_mode = true, schemas = true, resync_mode = true,
}

local function timing(schedule)
    local shown = {}
    for key, value in pairs(schedule) do
        if not HIDDEN[key] then shown[key] = value end
    end
    return shown
end

-- One bulk sync of upstream as a legacy client sees it, changed in place.
local function show(sync)
    local default, additional = sync.default_schedule, sync.additional_schedules or {}
    if #additional == 0 then
        sync.schedule = timing(default)
    else
        local items = {}
        if default.frequency ~= "manual" then
            items[1] = { item = "none", schedule = timing(default) }
        end
        for _, schedule in ipairs(additional) do
            items[#items + 1] = { item = schedule.selective_mode or "none", schedule = timing(schedule) }
        end
        sync.schedule = { frequency = "multi", multi = { type = "incremental", schedules = items } }
    end
    sync.default_schedule, sync.additional_schedules = nil, nil
    local added = sync.automatically_add_new_objects
    sync.discover = added ~= nil and added ~= "none"
    if sync.mode == "append" then sync.mode = "replicate" end
    return sync
end

-- A legacy body as upstream takes it, changed in place; it goes up as text, because cjson has no empty lists.
local function store(body)
    local schedule = body.schedule
    body.schedule = nil
    local additional = {}
    if schedule.frequency == "multi" then
        local default
        for _, item in ipairs(schedule.multi.schedules) do
            if item.item == "none" and not default then
                default = item.schedule
            else
                item.schedule.selective_mode = item.item
                additional[#additional + 1] = item.schedule
            end
        end
        body.default_schedule = default or { frequency = "manual" }
    else
        body.default_schedule = schedule
    end
    if body.discover ~= nil then
        local added = body.discover and "all" or "none"
        body.automatically_add_new_objects = body.automatically_add_new_objects or added
        body.automatically_add_new_fields = body.automatically_add_new_fields or added
        body.discover = nil
    end
    if #additional > 0 then body.additional_schedules = additional end
    local text = cjson.encode(body)
    if #additional > 0 then return text end
    return text:sub(1, -2) .. ',"additional_schedules":[]}'
end

local function answer(status, text)
    ngx.status = status
    ngx.header["Content-Type"] = "application/json"
    ngx.header["Content-Length"] = #text
    ngx.print(text)
end

local function create()
    ngx.req.read_body()
    local body = store(cjson.decode(ngx.req.get_body_data()))
    local stored = ngx.location.capture("/upstream/api/bulk/syncs", { method = ngx.HTTP_POST, body = body })
    if stored.status >= 300 then return answer(stored.status, stored.body) end
    local resource = cjson.decode(stored.body)
    show(resource.data)
    answer(stored.status, cjson.encode(resource))
end

local function list()
    local arguments = ngx.req.get_uri_args()
    arguments.limit, arguments.page_token = 50, nil
    local all = {}
    repeat
        local page = ngx.location.capture("/upstream/api/bulk/syncs", { args = arguments })
        if page.status >= 300 then return answer(page.status, page.body) end
        local body = cjson.decode(page.body)
        for _, sync in ipairs(body.data) do all[#all + 1] = show(sync) end
        arguments.page_token = body.pagination and body.pagination.next_page_token
    until not arguments.page_token
    answer(200, #all == 0 and '{"data":[]}' or cjson.encode({ data = all }))
end

function translate.list_or_create()
    if ngx.req.get_method() == "POST" then return create() end
    return list()
end

function translate.forget_length()
    ngx.header["Content-Length"] = nil
end

function translate.show_one()
    local parts = ngx.ctx.parts
    if not parts then
        parts = {}
        ngx.ctx.parts = parts
    end
    parts[#parts + 1] = ngx.arg[1]
    if not ngx.arg[2] then
        ngx.arg[1] = nil
        return
    end
    local text = #parts == 1 and parts[1] or table.concat(parts)
    if ngx.status >= 300 then
        ngx.arg[1] = text
        return
    end
    local resource = cjson.decode(text)
    show(resource.data)
    ngx.arg[1] = cjson.encode(resource)
end

return translate
