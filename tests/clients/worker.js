// Runs the calls of one published npm SDK, told by JSON lines on standard input; the same questions and answers as
// worker.py. Started in the folder where the package is installed, given as the first argument.
"use strict";

const path = require("node:path");
const readline = require("node:readline");

const packageFolder = path.join(process.argv[2], "node_modules", "polytomic");
const { PolytomicClient } = require(packageFolder);

/** This SDK version cannot make the call at all. */
class Unsupported extends Error {}

/** The case cannot be carried out: a reference leads nowhere. */
class Broken extends Error {}

const methods = new Map();
const saved = new Map();

async function answer(question) {
    if (question.do === "describe") return describe(question.operations);
    if (question.do === "forget") {
        saved.clear();
        return {};
    }
    try {
        return await call(question);
    } catch (raised) {
        if (raised instanceof Unsupported) return { outcome: "unsupported", reason: raised.message };
        if (raised instanceof Broken) return { outcome: "broken", reason: raised.message };
        throw raised;
    }
}

/** Matches the SDK's methods to contract operations by HTTP method and path shape, never by name. */
function describe(operations) {
    const byShape = new Map(operations.map((item) => [`${item.method} ${shape(item.path)}`, item]));
    const unmatched = [];
    for (const [name, method] of walk(client("http://127.0.0.1:9", "none"), [])) {
        const source = method.toString();
        const template = source.match(/["`](api\/[^"`]*)["`]/)?.[1];
        const verb = source.match(/method: "([A-Z]+)"/)?.[1];
        const operation = template && byShape.get(`${verb} ${shape(template)}`);
        if (!operation) {
            unmatched.push(name);
            continue;
        }
        const contractNames = [...operation.path.matchAll(/\{(\w+)\}/g)].map((found) => found[1]);
        const ownNames = [...template.matchAll(/\$\{encodeURIComponent\((\w+)\)\}/g)].map((found) => found[1]);
        const positions = source.match(/^\w+\(([^)]*)\)/)[1].split(",").map((item) => item.trim().split(" ")[0]);
        methods.set(operation.id, {
            name,
            positions: positions.filter((item) => item !== "requestOptions"),
            // Contract names of the path arguments, by the SDK's own name for the same place in the path.
            pathNames: new Map(ownNames.map((own, index) => [own, contractNames[index]])),
            // Where a method takes query and body, some want the body under a name of its own.
            hasBodyApart: /[{,]\s*body: _body\s*\} = request/.test(source),
        });
    }
    return {
        operations: Object.fromEntries([...methods].map(([operation, method]) => [operation, method.name])),
        unmatched: unmatched.sort(),
    };
}

async function call(question) {
    const method = methods.get(question.operation);
    if (!method) throw new Unsupported(`no method for ${question.operation}`);
    if (question.headers && Object.keys(question.headers).length > 0) {
        throw new Unsupported("this SDK cannot add headers");
    }
    const { pathArguments, request: flat } = requestOf(question);
    const request = method.hasBodyApart ? withBodyApart(flat, question.query_names) : flat;
    const positional = method.positions.map((own) => {
        const contractName = method.pathNames.get(own);
        return contractName === undefined ? request : pathArguments[contractName];
    });
    if (!method.positions.includes("request") && Object.keys(request).length > 0) {
        throw new Unsupported(`${method.name} takes no ${Object.keys(request)[0]}`);
    }
    const names = method.name.split(".");
    const owner = names.slice(0, -1).reduce((node, name) => node[name], client(question.base_url, question.token, question.version));
    let value;
    // An exception is a result like any other here: what the SDK throws is what the caller sees.
    try {
        value = await owner[names.at(-1)](...positional);
    } catch (raised) {
        return {
            outcome: "error",
            type: `polytomic.${raised.constructor.name}`,
            status: raised.statusCode ?? null,
            body: raised.body ?? (raised.statusCode ? null : raised.message),
        };
    }
    if (question.save) saved.set(`${question.side} ${question.save}`, value);
    return { outcome: "value", value: value === undefined ? null : value };
}

/** Path arguments, and the one object that carries query and body: the SDK tells them apart by name. */
function requestOf(question) {
    const pathArguments = {};
    const request = {};
    for (const [name, value] of Object.entries(question.arguments ?? {})) {
        (question.path_names.includes(name) ? pathArguments : request)[name] = resolve(question.side, value);
    }
    if (question.copy) {
        const source = resolve(question.side, question.copy.from);
        for (const name of question.copy.fields) {
            if (!(name in request) && source[name] !== undefined && source[name] !== null) request[name] = source[name];
        }
    }
    return { pathArguments, request };
}

function withBodyApart(flat, queryNames) {
    const apart = { body: {} };
    for (const [name, value] of Object.entries(flat)) {
        (queryNames.includes(name) ? apart : apart.body)[name] = value;
    }
    return apart;
}

/** Replaces `$name.path` by what it stands for. */
function resolve(side, value) {
    if (Array.isArray(value)) return value.map((item) => resolve(side, item));
    if (value !== null && typeof value === "object") {
        return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, resolve(side, item)]));
    }
    if (typeof value !== "string" || !value.startsWith("$")) return value;
    if (value.startsWith("$$")) return value.slice(1);
    const [name, ...steps] = value.slice(1).split(".");
    if (!saved.has(`${side} ${name}`)) throw new Broken(`${value}: nothing is saved under that name`);
    let found = saved.get(`${side} ${name}`);
    for (const step of steps) {
        found = found?.[step];
        if (found === undefined || found === null) throw new Broken(`${value}: nothing at ${step}`);
    }
    return found;
}

function client(baseUrl, token, version) {
    const options = { environment: baseUrl, token };
    if (version) options.version = version;
    return new PolytomicClient(options);
}

/** Every public method of the client and of the clients behind its getters, with its dotted name. */
function* walk(node, prefix) {
    const prototype = Object.getPrototypeOf(node);
    for (const name of Object.getOwnPropertyNames(prototype)) {
        if (name === "constructor" || name.startsWith("_")) continue;
        const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
        if (descriptor.get) yield* walk(node[name], [...prefix, name]);
        else yield [[...prefix, name].join("."), descriptor.value];
    }
}

function shape(template) {
    return template.replace(/\$?\{[^}]*\}/g, "{}").replace(/^\/|\/$/g, "");
}

async function main() {
    // What an SDK prints must not be taken for an answer.
    const write = (line) => process.stdout.write(`${line}\n`);
    console.log = console.error;
    for await (const line of readline.createInterface({ input: process.stdin })) {
        write(JSON.stringify(await answer(JSON.parse(line))));
    }
}

main();
