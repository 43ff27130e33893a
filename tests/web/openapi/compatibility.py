"""Finds the changes of an API description that would break a client written for an older one.

Responsible for: one sentence for each breaking change. Never: compares `Answers_…`, which follow the editions
a clinic installs, or reports an addition: clients ignore members they do not know.
"""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
CONTENT = "#/components/schemas/Answers_"
AT_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
AT_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
FIXED = ("pattern", "format", "uniqueItems")
EITHER = ("anyOf", "oneOf")


def breaks(old: Json, new: Json) -> list[str]:
    """What a client written for `old` can no longer rely on in `new`."""
    return list(dict.fromkeys(_Comparison(old, new).all()))


class _Comparison:
    def __init__(self, old: Json, new: Json) -> None:
        self.old, self.new = old, new
        self._under_way: set[tuple[str, str, bool]] = set()

    def all(self) -> Iterator[str]:
        for part in ("paths", "webhooks"):
            there = self.new.get(part, {})
            for path, methods in self.old.get(part, {}).items():
                for method, operation in methods.items():
                    where = f"{method.upper()} {path}"
                    if method not in there.get(path, {}):
                        yield f"{where} is gone"
                    else:
                        yield from self.operation(operation, there[path][method], where, part == "paths")
        for name in sorted(self.old["components"]["schemas"].keys() - self.new["components"]["schemas"]):
            yield f"the schema {name} is gone, or has another name"

    def operation(self, old: Json, new: Json, where: str, asked: bool) -> Iterator[str]:
        """`asked`: the client sends the request and the service responds; for a webhook it is the reverse."""
        if old.get("operationId") != new.get("operationId"):
            yield f"{where} has another operationId"
        if asked:
            yield from self.security(old.get("security", []), new.get("security", []), where)
        yield from self.parameters(old, new, where, asked)
        before, after = old.get("requestBody", {}), new.get("requestBody", {})
        if asked and after.get("required") and not before.get("required"):
            yield f"{where} needs a body"
        yield from self.contents(before, after, f"{where} body", asked)
        for status, response in old["responses"].items():
            there = new["responses"].get(status)
            if there is None:
                yield f"{where} {status} is gone"
                continue
            for name in sorted(response.get("headers", {}).keys() - there.get("headers", {}).keys()):
                yield f"{where} {status} has lost the header {name}"
            yield from self.contents(response, there, f"{where} {status}", not asked)

    def security(self, old: list[Json], new: list[Json], where: str) -> Iterator[str]:
        kept = [each in new for each in old or [{}]]
        if new and not all(kept):
            yield f"{where} takes other credentials"

    def parameters(self, old: Json, new: Json, where: str, asked: bool) -> Iterator[str]:
        before, after = (
            {(each["in"], each["name"]): each for each in operation.get("parameters", [])}
            for operation in (old, new)
        )
        for place, name in before.keys() - after.keys():
            yield f"{where} has lost the parameter {name} in {place}"
        for key, there in after.items():
            was = before.get(key)
            if asked and there.get("required") and not (was and was.get("required")):
                yield f"{where} needs the parameter {key[1]}"
            if was:
                yield from self.schema(was["schema"], there["schema"], f"{where} {key[1]}", asked)

    def contents(self, old: Json, new: Json, where: str, sent: bool) -> Iterator[str]:
        for kind, told in old.get("content", {}).items():
            there = new.get("content", {}).get(kind)
            if there is None:
                yield f"{where} is no longer offered as {kind}"
            elif "schema" in told:
                yield from self.schema(told["schema"], there.get("schema", {}), where, sent)

    def schema(self, old: Json, new: Json, where: str, sent: bool) -> Iterator[str]:
        """`sent`: the client writes it, so the new schema must accept as much; otherwise it reads it."""
        one, other = old.get("$ref", ""), new.get("$ref", "")
        if one.startswith(CONTENT) or (one and (one, other, sent) in self._under_way):
            return
        self._under_way.add((one, other, sent))
        olds, news = _kinds(_resolved(self.old, old)), _kinds(_resolved(self.new, new))
        if len(olds) == len(news) == 1:
            yield from self.one(olds[0], news[0], where, sent)
        else:
            for mine, theirs in ((each, news) for each in olds) if sent else ((each, olds) for each in news):
                pairs = [(mine, each) if sent else (each, mine) for each in theirs]
                found = [list(self.one(*pair, where, sent)) for pair in pairs]
                yield from min(found, key=len)
        self._under_way.discard((one, other, sent))

    def one(self, old: Json, new: Json, where: str, sent: bool) -> Iterator[str]:
        """The same for schemas that are neither references nor choices."""
        if "$ref" in old or "$ref" in new:
            yield from self.schema(old, new, where, sent)
            return
        narrow, wide = (new, old) if sent else (old, new)
        if "type" in narrow and not ("type" in wide and _types(wide) <= _types(narrow)):
            yield f"{where} has another type"
        if sent:
            yield from _narrowed(old, new, where)
        yield from self.members(old, new, where, sent)
        for name in ("items", "additionalProperties"):
            if isinstance(old.get(name), dict) and isinstance(new.get(name), dict):
                yield from self.schema(old[name], new[name], f"{where}/*", sent)

    def members(self, old: Json, new: Json, where: str, sent: bool) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(before.keys() - after.keys()):
            yield f"{where}/{name} is gone"
        for name in sorted(needs - needed if sent else (needed - needs) & after.keys()):
            yield f"{where}/{name} is {'needed now' if sent else 'no longer always there'}"
        for name in sorted(before.keys() & after.keys()):
            yield from self.schema(before[name], after[name], f"{where}/{name}", sent)


def _resolved(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _kinds(schema: Json) -> list[Json]:
    """The choices of a schema, each with one type."""
    choices = next((schema[name] for name in EITHER if name in schema), None)
    if choices is not None:
        return [kind for each in choices for kind in ([each] if "$ref" in each else _kinds(each))]
    if isinstance(schema.get("type"), list):
        return [schema | {"type": each} for each in schema["type"]]
    return [schema]


def _types(schema: Json) -> set[str]:
    """The accepted types; `number` includes `integer`."""
    named = {schema["type"]} if "type" in schema else set()
    return named | ({"integer"} if "number" in named else set())


def _narrowed(old: Json, new: Json, where: str) -> Iterator[str]:
    for name in (*AT_MOST, *AT_LEAST):
        before, after = old.get(name), new.get(name)
        less = min if name in AT_MOST else max
        if after is not None and (before is None or less(before, after) != before):
            yield f"{where} takes less: {name}"
    for name in FIXED:
        if new.get(name) not in (None, False, old.get(name)):
            yield f"{where} takes less: {name}"
    if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
        yield f"{where} takes less: additionalProperties"
    values, kept = (each.get("enum", [each["const"]] if "const" in each else None) for each in (old, new))
    if kept is not None and (values is None or any(value not in kept for value in values)):
        yield f"{where} takes less: enum"
