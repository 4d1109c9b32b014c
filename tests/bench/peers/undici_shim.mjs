// What a team would write in a day with Node's server and undici as client: one process, a log line for each request.
//
// Usage: node undici_shim.mjs PORT UPSTREAM_ORIGIN MODULES_FOLDER

import { createServer } from "node:http";
import { createRequire } from "node:module";

const [port, origin, modules] = process.argv.slice(2);
const { Pool } = createRequire(`${modules}/`)("undici");
const pool = new Pool(origin, { connections: 64 });

const HIDDEN = new Set([
  "id", "created_at", "created_by", "updated_at", "updated_by", "selective_mode", "schemas", "resync_mode",
]);
// Not for the next hop, or made anew for it.
const DROPPED = new Set([
  "host", "connection", "keep-alive", "content-length", "transfer-encoding", "accept-encoding", "x-polytomic-version",
]);

function timing(schedule) {
  const shown = {};
  for (const key in schedule) if (!HIDDEN.has(key)) shown[key] = schedule[key];
  return shown;
}

// One bulk sync of upstream as a legacy client sees it.
function show({ default_schedule: first, additional_schedules: additional = [], ...sync }) {
  if (additional.length === 0) {
    sync.schedule = timing(first);
  } else {
    const schedules = first.frequency === "manual" ? [] : [{ item: "none", schedule: timing(first) }];
    for (const schedule of additional) {
      schedules.push({ item: schedule.selective_mode ?? "none", schedule: timing(schedule) });
    }
    sync.schedule = { frequency: "multi", multi: { type: "incremental", schedules } };
  }
  sync.discover = (sync.automatically_add_new_objects ?? "none") !== "none";
  if (sync.mode === "append") sync.mode = "replicate";
  return sync;
}

// A legacy body as upstream takes it.
function store({ schedule, discover, ...body }) {
  body.default_schedule = schedule;
  body.additional_schedules = [];
  if (schedule.frequency === "multi") {
    body.default_schedule = undefined;
    for (const { item, schedule: timing } of schedule.multi.schedules) {
      if (item === "none" && !body.default_schedule) body.default_schedule = timing;
      else body.additional_schedules.push({ ...timing, selective_mode: item });
    }
    body.default_schedule ??= { frequency: "manual" };
  }
  if (discover != null) {
    body.automatically_add_new_objects ??= discover ? "all" : "none";
    body.automatically_add_new_fields ??= discover ? "all" : "none";
  }
  return body;
}

function headers(request) {
  const kept = { "x-polytomic-version": "2025-09-18" };
  for (const name in request.headers) if (!DROPPED.has(name)) kept[name] = request.headers[name];
  return kept;
}

function answer(response, status, body) {
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

async function getOne(request, response) {
  const upstream = await pool.request({ method: "GET", path: request.url, headers: headers(request) });
  if (upstream.statusCode >= 300) return answer(response, upstream.statusCode, await upstream.body.text());
  const resource = await upstream.body.json();
  answer(response, 200, JSON.stringify({ ...resource, data: show(resource.data) }));
}

async function create(request, response) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = JSON.stringify(store(JSON.parse(Buffer.concat(parts).toString())));
  const upstream = await pool.request({ method: "POST", path: request.url, headers: headers(request), body });
  if (upstream.statusCode >= 300) return answer(response, upstream.statusCode, await upstream.body.text());
  const resource = await upstream.body.json();
  answer(response, 200, JSON.stringify({ ...resource, data: show(resource.data) }));
}

async function listAll(request, response) {
  const target = new URL(request.url, origin);
  target.searchParams.set("limit", "50");
  target.searchParams.delete("page_token");
  const data = [];
  for (;;) {
    const path = target.pathname + target.search;
    const upstream = await pool.request({ method: "GET", path, headers: headers(request) });
    if (upstream.statusCode >= 300) return answer(response, upstream.statusCode, await upstream.body.text());
    const page = await upstream.body.json();
    for (const sync of page.data) data.push(show(sync));
    const token = page.pagination?.next_page_token;
    if (!token) return answer(response, 200, JSON.stringify({ data }));
    target.searchParams.set("page_token", token);
  }
}

async function forward(request, response) {
  const body = request.method === "GET" || request.method === "HEAD" ? null : request;
  await pool.stream(
    { method: request.method, path: request.url, headers: headers(request), body },
    ({ statusCode, headers }) => {
      delete headers.connection;
      delete headers["keep-alive"];
      response.writeHead(statusCode, headers);
      return response;
    },
  );
}

function handler(request) {
  const [path] = request.url.split("?", 1);
  if (path === "/api/bulk/syncs") return { GET: listAll, POST: create }[request.method] ?? forward;
  if (request.method === "GET" && path.startsWith("/api/bulk/syncs/")) return getOne;
  return forward;
}

// Written in one go every second, as loggers made for speed do.
let lines = [];
setInterval(() => {
  if (lines.length > 0) process.stdout.write(lines.join(""));
  lines = [];
}, 1000).unref();

const server = createServer(async (request, response) => {
  const begun = performance.now();
  try {
    await handler(request)(request, response);
  } catch (error) {
    if (response.headersSent) return response.destroy();
    answer(response, 502, JSON.stringify({ key: "upstream", message: String(error), metadata: {}, status: 502 }));
  }
  const milliseconds = performance.now() - begun;
  const line = { method: request.method, path: request.url, status: response.statusCode, milliseconds };
  lines.push(JSON.stringify(line) + "\n");
});
server.keepAliveTimeout = 75_000;
server.maxRequestsPerSocket = 0;
server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });
