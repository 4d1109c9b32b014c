"""What a team would write in a day with aiohttp, uvloop and orjson: one process, a log line for each request.

Usage: aiohttp_shim.py PORT UPSTREAM_ORIGIN
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import aiohttp
import orjson
import uvloop
from aiohttp import web

Json = dict[str, Any]

HIDDEN = {
    "id", "created_at", "created_by", "updated_at", "updated_by", "selective_mode", "schemas", "resync_mode",
}
# Not for the next hop, or made anew for it.
DROPPED = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "x-polytomic-version"}
JSON = "application/json"
SESSION: web.AppKey[aiohttp.ClientSession] = web.AppKey("session", aiohttp.ClientSession)


def timing(schedule: Json) -> Json:
    return {key: value for key, value in schedule.items() if key not in HIDDEN}


def show(sync: Json) -> Json:
    """One bulk sync of upstream as a legacy client sees it, changed in place."""
    default = sync.pop("default_schedule")
    additional = sync.pop("additional_schedules", None)
    if additional:
        items = [] if default["frequency"] == "manual" else [{"item": "none", "schedule": timing(default)}]
        items += [
            {"item": schedule.get("selective_mode", "none"), "schedule": timing(schedule)} for schedule in additional
        ]
        sync["schedule"] = {"frequency": "multi", "multi": {"type": "incremental", "schedules": items}}
    else:
        sync["schedule"] = timing(default)
    sync["discover"] = sync.get("automatically_add_new_objects", "none") != "none"
    if sync.get("mode") == "append":
        sync["mode"] = "replicate"
    return sync


def store(body: Json) -> Json:
    """A legacy body as upstream takes it, changed in place."""
    schedule = body.pop("schedule")
    default, additional = schedule, []
    if schedule["frequency"] == "multi":
        default = None
        for item in schedule["multi"]["schedules"]:
            if item["item"] == "none" and default is None:
                default = item["schedule"]
            else:
                additional.append({**item["schedule"], "selective_mode": item["item"]})
    body["default_schedule"] = default or {"frequency": "manual"}
    body["additional_schedules"] = additional
    discover = body.pop("discover", None)
    if discover is not None:
        for key in ("automatically_add_new_objects", "automatically_add_new_fields"):
            body.setdefault(key, "all" if discover else "none")
    return body


def headers(request: web.Request) -> dict[str, str]:
    kept = {name: value for name, value in request.headers.items() if name.lower() not in DROPPED}
    kept["X-Polytomic-Version"] = "2025-09-18"
    return kept


def answer(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type=JSON)


async def get_one(request: web.Request) -> web.Response:
    async with request.app[SESSION].get(request.path_qs, headers=headers(request)) as upstream:
        body = await upstream.read()
        if upstream.status >= 300:
            return answer(body, upstream.status)
    resource = orjson.loads(body)
    show(resource["data"])
    return answer(orjson.dumps(resource))


async def create(request: web.Request) -> web.Response:
    body = orjson.dumps(store(orjson.loads(await request.read())))
    async with request.app[SESSION].post(request.path_qs, data=body, headers=headers(request)) as upstream:
        body = await upstream.read()
        if upstream.status >= 300:
            return answer(body, upstream.status)
    resource = orjson.loads(body)
    show(resource["data"])
    return answer(orjson.dumps(resource))


async def list_all(request: web.Request) -> web.Response:
    query = {**request.query, "limit": "50"}
    query.pop("page_token", None)
    found: list[Json] = []
    while True:
        async with request.app[SESSION].get(request.path, params=query, headers=headers(request)) as upstream:
            body = await upstream.read()
            if upstream.status >= 300:
                return answer(body, upstream.status)
        page = orjson.loads(body)
        found += [show(sync) for sync in page["data"]]
        token = page.get("pagination", {}).get("next_page_token")
        if not token:
            return answer(orjson.dumps({"data": found}))
        query["page_token"] = token


async def forward(request: web.Request) -> web.StreamResponse:
    session = request.app[SESSION]
    body = request.content if request.body_exists else None
    async with session.request(request.method, request.path_qs, data=body, headers=headers(request)) as upstream:
        passed = web.StreamResponse(status=upstream.status)
        for name in ("Content-Type", "Content-Length"):
            if name in upstream.headers:
                passed.headers[name] = upstream.headers[name]
        await passed.prepare(request)
        async for part in upstream.content.iter_any():
            await passed.write(part)
        await passed.write_eof()
        return passed


def main() -> None:
    port, upstream = int(sys.argv[1]), sys.argv[2]
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    uvloop.install()
    app = web.Application()

    async def session(app: web.Application) -> Any:
        connector = aiohttp.TCPConnector(limit=256, keepalive_timeout=75)
        async with aiohttp.ClientSession(upstream, connector=connector, auto_decompress=False) as opened:
            app[SESSION] = opened
            yield

    app.cleanup_ctx.append(session)
    app.router.add_get("/api/bulk/syncs", list_all)
    app.router.add_post("/api/bulk/syncs", create)
    app.router.add_get("/api/bulk/syncs/{id}", get_one)
    app.router.add_route("*", "/{path:.*}", forward)
    logger = logging.getLogger("aiohttp.access")
    web.run_app(app, host="127.0.0.1", port=port, backlog=4096, print=None, access_log=logger)


if __name__ == "__main__":
    main()
