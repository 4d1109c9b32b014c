"""Runs the calls of one published Python SDK, told by JSON lines on standard input.

Started by the interpreter of the SDK's own virtual environment, so it imports nothing of the harness. Every question
is one line and gets one line:

    {"do": "describe", "operations": [{"id", "method", "path"}, ...]}   which SDK method makes which contract call
    {"do": "forget"}                                                    drops what earlier calls saved
    {"do": "call", "side", "operation", "base_url", "token", ...}       makes one call

The SDK is used as its users do: arguments become the SDK's own models, and what an earlier call returned can be
handed on as the very object that the SDK returned (`$saved.data.schedule`).
"""

from __future__ import annotations

import contextlib
import datetime
import enum
import functools
import inspect
import json
import re
import sys
import typing

import pydantic
from polytomic.client import Polytomic

try:
    from pydantic import v1 as pydantic_v1
except ImportError:
    pydantic_v1 = pydantic

# SDKs before 1.5 use the pydantic 1 that pydantic 2 carries.
MODELS = (pydantic.BaseModel, pydantic_v1.BaseModel)
# What an SDK raises when it cannot make a model of an answer.
INVALID = (pydantic.ValidationError, pydantic_v1.ValidationError)
Json = typing.Any
REQUEST_PATH = re.compile(r'"/?(api/[^"]*)"')
REQUEST_METHOD = re.compile(r'"(GET|POST|PUT|PATCH|DELETE)"')
PATH_VARIABLE = re.compile(r"\{(?:jsonable_encoder\()?(\w+)\)?\}")


class Unsupported(Exception):
    """This SDK version cannot make the call at all: no such operation, no such parameter."""


class Broken(Exception):
    """The case cannot be carried out: a reference leads nowhere, or something that the SDK requires is not given."""


class Method(typing.NamedTuple):
    """One SDK method: where it hangs on the client, and how the contract's names map to its parameters."""

    call: str
    path_parameters: dict[str, str]
    parameters: dict[str, str]


class Worker:
    """The methods that the SDK has, and what its calls returned so far, by side and name."""

    def __init__(self) -> None:
        self.methods: dict[str, Method] = {}
        self.saved: dict[tuple[str, str], Json] = {}

    def answer(self, question: Json) -> Json:
        kind = question["do"]
        if kind == "describe":
            return self.describe(question["operations"])
        if kind == "forget":
            self.saved.clear()
            return {}
        try:
            return self.call(question)
        except Unsupported as missing:
            return {"outcome": "unsupported", "reason": str(missing)}
        except Broken as broken:
            return {"outcome": "broken", "reason": str(broken)}

    def describe(self, operations: Json) -> Json:
        """Matches the SDK's methods to contract operations by HTTP method and path shape, never by name."""
        by_shape = {(item["method"], shape(item["path"])): item for item in operations}
        unmatched = []
        for call, function in walk(client("http://127.0.0.1:9", "none", None), ()):
            found = request_of(function)
            operation = by_shape.get((found[0], shape(found[1]))) if found else None
            if found is None or operation is None:
                unmatched.append(call)
                continue
            contract_names = re.findall(r"\{(\w+)\}", operation["path"])
            own_names = PATH_VARIABLE.findall(found[1])
            names = [name for name in inspect.signature(function).parameters if name not in ("self", "request_options")]
            self.methods[operation["id"]] = Method(
                call,
                dict(zip(contract_names, own_names)),
                {name.rstrip("_"): name for name in names if name not in own_names},
            )
        return {
            "operations": {operation: method.call for operation, method in self.methods.items()},
            "unmatched": sorted(unmatched),
        }

    def call(self, question: Json) -> Json:
        method = self.methods.get(question["operation"])
        if method is None:
            raise Unsupported(f"no method for {question['operation']}")
        sdk = client(question["base_url"], question["token"], question.get("version"))
        function = sdk
        for name in method.call.split("."):
            function = getattr(function, name)
        arguments = self.arguments(question, method, function)
        if question.get("headers"):
            arguments["request_options"] = {"additional_headers": question["headers"]}
        # An exception is a result like any other here: what the SDK raises is what the caller sees.
        try:
            value = function(**arguments)
        except Exception as raised:
            return failure(raised)
        if question.get("save"):
            self.saved[question["side"], question["save"]] = value
        return {"outcome": "value", "value": plain(value)}

    def arguments(self, question: Json, method: Method, function: typing.Any) -> dict[str, Json]:
        """The SDK's keyword arguments: given ones in the SDK's own types, the rest copied from a saved result."""
        side = question["side"]
        hints = type_hints(function)
        arguments: dict[str, Json] = {}
        # The earliest SDKs take the body of some methods as one object.
        whole: dict[str, Json] = {}
        for name, value in question.get("arguments", {}).items():
            parameter = parameter_of(method, name, question.get("aliases", {}))
            if parameter is None and "request" in method.parameters:
                whole[name] = self.resolve(side, value)[0]
                continue
            if parameter is None:
                if name in question.get("optional", []):
                    continue
                raise Unsupported(f"{method.call} has no parameter {name}")
            resolved, is_saved = self.resolve(side, value)
            arguments[parameter] = resolved if is_saved else typed(hints.get(parameter), resolved)
        if whole:
            arguments["request"] = typed(hints.get("request"), whole)
        copy = question.get("copy")
        if copy:
            source, _ = self.resolve(side, copy["from"])
            for name in copy["fields"]:
                parameter = method.parameters.get(name)
                value = member(source, name) if parameter else None
                if parameter and parameter not in arguments and value is not None:
                    arguments[parameter] = value
        require_complete(method, function, arguments)
        return arguments

    def resolve(self, side: str, value: Json) -> tuple[Json, bool]:
        """Replaces `$name.path` by what it stands for; true when the whole value is an object of the SDK."""
        if isinstance(value, dict):
            return {key: self.resolve(side, item)[0] for key, item in value.items()}, False
        if isinstance(value, list):
            return [self.resolve(side, item)[0] for item in value], False
        if not isinstance(value, str) or not value.startswith("$"):
            return value, False
        if value.startswith("$$"):
            return value[1:], False
        name, *path = value[1:].split(".")
        if (side, name) not in self.saved:
            raise Broken(f"{value}: nothing is saved under that name")
        found = self.saved[side, name]
        for step in path:
            found = member(found, step)
            if found is None:
                raise Broken(f"{value}: nothing at {step}")
        return found, True


@functools.lru_cache(maxsize=64)
def client(base_url: str, token: str, version: str | None) -> typing.Any:
    """The SDK client of one caller, kept as users keep theirs. SDKs that always send a version take none."""
    accepted = inspect.signature(Polytomic.__init__).parameters
    options: dict[str, Json] = {"base_url": base_url, "token": token}
    if version is not None and "version" in accepted:
        options["version"] = version
    return Polytomic(**options)


def walk(node: typing.Any, prefix: tuple[str, ...]) -> typing.Iterator[tuple[str, typing.Any]]:
    """Every public method of the client and of the clients that hang on it, with its dotted name."""
    for name, function in inspect.getmembers(type(node), inspect.isfunction):
        if not name.startswith("_"):
            yield ".".join((*prefix, name)), function
    for name, child in vars(node).items():
        if not name.startswith("_") and type(child).__module__.startswith("polytomic"):
            yield from walk(child, (*prefix, name))


def request_of(function: typing.Any) -> tuple[str, str] | None:
    """HTTP method and path template of an SDK method, from its source: the SDKs keep them nowhere else."""
    _, _, request = inspect.getsource(function).partition("httpx_client.request(")
    path, method = REQUEST_PATH.search(request), REQUEST_METHOD.search(request)
    return (method[1], path[1]) if path and method else None


def shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path).strip("/")


def parameter_of(method: Method, name: str, aliases: Json) -> str | None:
    """The SDK's parameter for an argument of the contract, by that name or else by one that earlier SDKs give it."""
    for known in (name, *aliases.get(name, [])):
        parameter = method.path_parameters.get(known) or method.parameters.get(known)
        if parameter is not None:
            return parameter
    return None


def require_complete(method: Method, function: typing.Any, arguments: dict[str, Json]) -> None:
    """A call without what this SDK version requires is a mistake of the case, not something that the SDK raises."""
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is inspect.Parameter.empty and name not in arguments:
            raise Broken(f"{method.call} requires {name}")


@functools.lru_cache(maxsize=None)
def type_hints(function: typing.Any) -> dict[str, typing.Any]:
    try:
        return typing.get_type_hints(function)
    except NameError:
        return {}


def typed(hint: typing.Any, value: Json) -> Json:
    """The value as the SDK's own type, or as it is where the SDK's type refuses it: bad input must reach the wire.

    Numbers stay as they are: pydantic 1 makes a string of one where a string is declared, which a method call does not.
    """
    if hint is None or isinstance(value, (int, float)):
        return value
    try:
        return parser()(hint, value)
    except (ValueError, TypeError):
        return value


@functools.lru_cache(maxsize=1)
def parser() -> typing.Callable[[typing.Any, Json], Json]:
    """What this SDK version itself uses to make its models."""
    try:
        from polytomic.core.pydantic_utilities import parse_obj_as
    except ImportError:
        return pydantic_v1.parse_obj_as
    return parse_obj_as


def member(value: typing.Any, name: str) -> typing.Any:
    if isinstance(value, (list, tuple)):
        return value[int(name)] if name.isdigit() and int(name) < len(value) else None
    if isinstance(value, dict):
        return value.get(name)
    return getattr(value, name, None)


def failure(raised: Exception) -> Json:
    """What the SDK raised: an answer of the API with its status, or its own refusal of what the API answered."""
    kind = f"{type(raised).__module__.split('.')[0]}.{type(raised).__name__}"
    if isinstance(raised, INVALID):
        places = {json.dumps([str(step) for step in error["loc"]]): error["type"] for error in raised.errors()}
        return {"outcome": "unreadable", "type": kind, "places": dict(sorted(places.items()))}
    status = getattr(raised, "status_code", None)
    if status is None:
        return {"outcome": "error", "type": kind, "status": None, "body": str(raised)}
    return {"outcome": "error", "type": kind, "status": status, "body": plain(getattr(raised, "body", None))}


def plain(value: typing.Any) -> Json:
    """Everything that the SDK parsed, as JSON: set fields only (null and absent differ), unknown fields included."""
    if isinstance(value, MODELS):
        set_fields = getattr(value, "model_fields_set", None)
        if set_fields is None:
            set_fields = value.__fields_set__
        unknown = getattr(value, "__pydantic_extra__", None) or {}
        members = {**vars(value), **unknown}
        return {name: plain(item) for name, item in members.items() if name in set_fields or name in unknown}
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (datetime.datetime, datetime.date)):
        return f"{type(value).__name__} {value.isoformat()}"
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return f"{type(value).__name__} {value!r}"


def main() -> None:
    worker = Worker()
    answers = sys.stdout
    # What an SDK prints must not be taken for an answer.
    with contextlib.redirect_stdout(sys.stderr):
        for line in sys.stdin:
            print(json.dumps(worker.answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
