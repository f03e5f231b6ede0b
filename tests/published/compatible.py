"""Find the changes of a contract that break a program written for the contract of a release.

All rules follow from one question: does the reader accept all that the writer may send? A client
writes requests by the old document and reads replies by it, while the server follows the new one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
Compare = Callable[["Side", "Side", str], list[str]]
EVERYTHING = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems")
MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


@dataclass(frozen=True)
class Side:
    """A schema of one of the two documents."""

    document: Mapping[str, Any]
    schema: Schema

    def at(self, schema: Schema) -> "Side":
        """Return the schema, or what it refers to."""
        while reference := schema.get("$ref"):
            schema = self.document
            for part in reference.removeprefix("#/").split("/"):
                schema = schema[part]
        return Side(self.document, schema)

    def options(self) -> list["Side"]:
        found = self.schema.get("anyOf") or self.schema.get("oneOf") or [self.schema]
        return [self.at(option) for option in found]

    def properties(self) -> dict[str, "Side"]:
        """Return the fields of an object, those of its parts included."""
        parts = [self, *map(self.at, self.schema.get("allOf", ()))]
        return {
            name: part.at(found)
            for part in parts
            for name, found in part.schema.get("properties", {}).items()
        }

    def required(self) -> set[str]:
        parts = [self, *map(self.at, self.schema.get("allOf", ()))]
        return {name for part in parts for name in part.schema.get("required", ())}


@dataclass(frozen=True)
class Rules:
    """What a reader tolerates. A ``strict`` one, as the server is, refuses what it does not know.

    A tolerant one, as clients have to be, ignores new fields and takes new values of an enum.
    """

    strict: bool

    def problems(self, writer: Side, reader: Side, where: str) -> list[str]:
        """Return what the writer may send that the reader does not accept."""
        sent, read = writer.options(), reader.options()
        if len(sent) == len(read) == 1:
            return list(self._of_one(sent[0], read[0], where))
        return [
            f"{where}: {dict(option.schema)} does not fit"
            for option in sent
            if not any(self._accepts(option, each, where) for each in read)
        ]

    def _accepts(self, writer: Side, reader: Side, where: str) -> bool:
        return not list(self._of_one(writer, reader, where))

    def _of_one(self, writer: Side, reader: Side, where: str) -> Iterator[str]:
        if unknown := _types(writer.schema) - _types(reader.schema):
            yield f"{where}: the type {', '.join(sorted(unknown))} does not fit"
        yield from self._of_values(writer.schema, reader.schema, where)
        yield from self._of_fields(writer, reader, where)
        for name in ("items", "additionalProperties"):
            sent, read = writer.schema.get(name), reader.schema.get(name)
            if isinstance(sent, Mapping) and isinstance(read, Mapping):
                yield from self.problems(writer.at(sent), reader.at(read), f"{where}[]")

    def _of_values(self, writer: Schema, reader: Schema, where: str) -> Iterator[str]:
        if "const" in reader and reader["const"] != writer.get("const"):
            yield f"{where}: is not always {reader['const']}"
        if self.strict:
            yield from _narrowed(writer, reader, where)

    def _of_fields(self, writer: Side, reader: Side, where: str) -> Iterator[str]:
        sent, read = writer.properties(), reader.properties()
        gone = sent.keys() - read.keys() if self.strict else read.keys() - sent.keys()
        for name in sorted(gone) if sent and read else ():
            yield f"{where}.{name}: was removed"
        for name in sorted(reader.required() - writer.required() - gone):
            yield f"{where}.{name}: is required by one side, and may be missing"
        for name in sorted(sent.keys() & read.keys()):
            yield from self.problems(sent[name], read[name], f"{where}.{name}")


def _narrowed(writer: Schema, reader: Schema, where: str) -> Iterator[str]:
    """Yield the values that were accepted once, and are refused now."""
    if "enum" in reader:
        for value in sorted(set(writer.get("enum", ["others"])) - set(reader["enum"])):
            yield f"{where}: the value {value} is refused"
    for name in (*LEAST, *MOST):
        sign = 1 if name in LEAST else -1
        if name in reader and (name not in writer or sign * reader[name] > sign * writer[name]):
            yield f"{where}: {name} is {reader[name]}"
    if "pattern" in reader and reader["pattern"] != writer.get("pattern"):
        yield f"{where}: the pattern is {reader['pattern']}"


def _types(schema: Schema) -> set[str]:
    """Return the types that a schema allows. What allows numbers allows integers."""
    named = schema.get("type", sorted(EVERYTHING))
    found = {named} if isinstance(named, str) else set(named)
    return found | {"integer"} if "number" in found else found


SERVER, CLIENT = Rules(strict=True), Rules(strict=False)


def openapi_problems(old: Schema, new: Schema) -> list[str]:
    """Return what of the new OpenAPI document breaks clients of the old one."""
    found: list[str] = []
    for path, method, before in _operations(old):
        where = f"{method.upper()} {path}"
        after = new["paths"].get(path, {}).get(method)
        if after is None:
            found.append(f"{where}: was removed")
        else:
            found += _operation(Side(old, before), Side(new, after), where)
    return found


def asyncapi_problems(old: Schema, new: Schema) -> list[str]:
    """Return what of the new AsyncAPI document breaks subscribers of the old one."""
    found = [
        f"{name}: the channel was removed, or has another address"
        for name, channel in old["channels"].items()
        if new["channels"].get(name, {}).get("address") != channel["address"]
    ]
    for name, schema in old["components"]["schemas"].items():
        if "." in name:
            found += _event(name, Side(old, schema), new)
    return found


def _event(name: str, before: Side, new: Schema) -> list[str]:
    schema = new["components"]["schemas"].get(name)
    if schema is None:
        return [f"{name}: the event was removed"]
    if schema["properties"]["type"] != before.schema["properties"]["type"]:
        return []  # A new version is another message.
    return CLIENT.problems(Side(new, schema), before, name)


def _operations(document: Schema) -> Iterator[tuple[str, str, Any]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                shared = item.get("parameters", [])
                yield (
                    path,
                    method,
                    {**operation, "parameters": [*shared, *operation.get("parameters", [])]},
                )


def _operation(old: Side, new: Side, where: str) -> Iterator[str]:
    before, after = old.schema, new.schema
    if before["operationId"] != after["operationId"]:
        yield f"{where}: the operationId was {before['operationId']}"
    if _is_open(before) and not _is_open(after):
        yield f"{where}: clients have to sign in now"
    yield from _parameters(old, new, where)
    yield from _body(old, new, where)
    for status, reply in before["responses"].items():
        if status < "400":
            yield from _reply(old.at(reply), new, status, f"{where} {status}")


def _is_open(operation: Schema) -> bool:
    return not operation["security"] or {} in operation["security"]


def _parameters(old: Side, new: Side, where: str) -> Iterator[str]:
    before, after = _by_name(old), _by_name(new)
    for name, found in after.items():
        required = found.schema.get("required", False)
        if required and not (name in before and before[name].schema.get("required", False)):
            yield f"{where} {name}: is required now"
    for name, found in before.items():
        if name in after:
            sent, read = (each.at(each.schema["schema"]) for each in (found, after[name]))
            yield from SERVER.problems(sent, read, f"{where} {name}")
        elif found.schema["in"] == "query":
            yield f"{where} {name}: was removed"


def _by_name(operation: Side) -> dict[str, Side]:
    found = map(operation.at, operation.schema["parameters"])
    return {parameter.schema["name"]: parameter for parameter in found}


def _body(old: Side, new: Side, where: str) -> Iterator[str]:
    before, after = (each.at(each.schema.get("requestBody", {})) for each in (old, new))
    if after.schema.get("required", False) and not before.schema.get("required", False):
        yield f"{where}: a body is required now"
    yield from _content(before, after, where, SERVER.problems)


def _reply(before: Side, new: Side, status: str, where: str) -> Iterator[str]:
    if status not in new.schema["responses"]:
        yield f"{where}: was removed"
        return
    after = new.at(new.schema["responses"][status])
    for name in sorted(
        before.schema.get("headers", {}).keys() - after.schema.get("headers", {}).keys()
    ):
        yield f"{where}: the header {name} was removed"

    def read_by_old_client(old: Side, new: Side, where: str) -> list[str]:
        return CLIENT.problems(new, old, where)

    yield from _content(before, after, where, read_by_old_client)


def _content(before: Side, after: Side, where: str, compare: Compare) -> Iterator[str]:
    now = after.schema.get("content", {})
    for kind, found in before.schema.get("content", {}).items():
        if kind not in now:
            yield f"{where}: {kind} was removed"
        elif "schema" in found and "schema" in now[kind]:
            yield from compare(before.at(found["schema"]), after.at(now[kind]["schema"]), where)
