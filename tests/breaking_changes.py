"""
Breaking changes between two OpenAPI documents: what a client that was written by the old one would no longer do.

What a request may hold must not become narrower, and what an answer holds must not become less. A value that is new in
a list of codes of an answer, and a new field, break nothing: docs/api.md tells clients to expect them.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

Direction = Literal["request", "answer"]
Schema = Mapping[str, Any]
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


def breaking_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return a line for each breaking change, such as ``GET /api/v1/me: removed``."""
    return list(dict.fromkeys(_Comparison(old, new).lines()))


class _Comparison:
    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self.old, self.new = old, new
        self.seen: set[tuple[Any, ...]] = set()

    def lines(self) -> Iterator[str]:
        for path, operations in self.old["paths"].items():
            for method, operation in operations.items():
                name = f"{method.upper()} {path}"
                other = self.new["paths"].get(path, {}).get(method)
                if other is None:
                    yield f"{name}: removed"
                else:
                    yield from self._operation(name, operation, other)

    def _operation(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        if not any(old.get("security", [])) and any(new.get("security", [])):
            yield f"{name}: needs a sign-in"
        yield from self._parameters(name, old, new)
        old_body, new_body = self._body(self.old, old), self._body(self.new, new)
        takes_body = old_body is None and new_body is not None
        if takes_body and self._resolved(self.new, new["requestBody"]).get("required"):
            yield f"{name}: needs a body"
        for kind, content in (old_body or {}).items():
            if kind not in (new_body or {}):
                yield f"{name}: takes no {kind}"
            else:
                yield from self._schema(
                    f"{name} body", content["schema"], (new_body or {})[kind]["schema"], "request"
                )
        for status, response in old["responses"].items():
            if status[0] == "2":
                yield from self._response(f"{name} {status}", response, new["responses"].get(status))

    def _body(self, document: Mapping[str, Any], operation: Schema) -> Any:
        body = operation.get("requestBody")
        return self._resolved(document, body)["content"] if body else None

    def _parameters(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        before, after = self._named(self.old, old), self._named(self.new, new)
        for key, parameter in after.items():
            if parameter.get("required") and not before.get(key, {}).get("required"):
                yield f"{name}: needs {key[1]} in {key[0]}"
        for key, parameter in before.items():
            if key not in after:
                yield f"{name}: takes no {key[1]} in {key[0]}"
            else:
                place = f"{name} {key[0]} {key[1]}"
                yield from self._schema(place, parameter["schema"], after[key]["schema"], "request")

    def _named(self, document: Mapping[str, Any], operation: Schema) -> dict[tuple[str, str], Any]:
        parameters = [self._resolved(document, each) for each in operation.get("parameters", ())]
        return {(each["in"], each["name"]): each for each in parameters}

    def _response(self, place: str, old: Schema, new: Schema | None) -> Iterator[str]:
        if new is None:
            yield f"{place}: removed"
            return
        before = self._resolved(self.old, old).get("content", {})
        after = self._resolved(self.new, new).get("content", {})
        for kind, content in before.items():
            if kind not in after:
                yield f"{place}: no {kind}"
            else:
                yield from self._schema(place, content["schema"], after[kind]["schema"], "answer")

    def _resolved(self, document: Mapping[str, Any], part: Schema) -> Schema:
        while "$ref" in part:
            _, _, section, name = part["$ref"].split("/")
            part = document["components"][section][name]
        return part

    def _schema(self, place: str, old: Schema, new: Schema, direction: Direction) -> Iterator[str]:
        if "$ref" in old:
            # A component is told of once, by its own name, wherever it is held.
            place = f"{direction} {old['$ref'].rpartition('/')[2]}"
            key = (old["$ref"], str(new), direction)
            if key in self.seen:
                return
            self.seen.add(key)
        old, new = self._resolved(self.old, old), self._resolved(self.new, new)
        yield from self._types(place, old, new, direction)
        yield from self._values(place, old, new, direction)
        if direction == "request":
            yield from _limits(place, old, new)
        yield from self._fields(place, old, new, direction)
        yield from self._choices(place, old, new, direction)
        for part in ("items", "additionalProperties"):
            if isinstance(old.get(part), dict) and isinstance(new.get(part), dict):
                yield from self._schema(f"{place}[]", old[part], new[part], direction)

    def _types(self, place: str, old: Schema, new: Schema, direction: Direction) -> Iterator[str]:
        before, after = self._types_of(self.old, old), self._types_of(self.new, new)
        lost = before - after if direction == "request" else after - before
        if before and after and lost:
            word = "takes no" if direction == "request" else "may be"
            yield f"{place}: {word} {', '.join(sorted(lost))}"

    def _types_of(self, document: Mapping[str, Any], schema: Schema) -> set[str]:
        named = schema.get("type", [])
        types = {named} if isinstance(named, str) else set(named)
        for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            types |= self._types_of(document, self._resolved(document, part))
        # Every integer is a number.
        types |= {"integer"} if "number" in types else set()
        return {f"{each} {schema['format']}" if "format" in schema else each for each in types}

    def _values(self, place: str, old: Schema, new: Schema, direction: Direction) -> Iterator[str]:
        before, after = _values_of(old), _values_of(new)
        if direction == "request" and after is not None:
            if before is None:
                yield f"{place}: takes only {', '.join(after)}"
            else:
                yield from (f"{place}: takes no {each}" for each in before if each not in after)
        if direction == "answer" and "const" in old and before != after:
            yield f"{place}: is no longer {old['const']}"

    def _fields(self, place: str, old: Schema, new: Schema, direction: Direction) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed = set(new.get("required", ())) - set(old.get("required", ()))
        optional = set(old.get("required", ())) - set(new.get("required", ()))
        for name, part in before.items():
            if name in after:
                yield from self._schema(f"{place}.{name}", part, after[name], direction)
            elif direction == "answer" or new.get("additionalProperties") is False:
                yield f"{place}.{name}: removed"
        if direction == "request":
            yield from (f"{place}.{name}: is required" for name in sorted(needed))
        else:
            yield from (f"{place}.{name}: may be absent" for name in sorted(optional & after.keys()))

    def _choices(self, place: str, old: Schema, new: Schema, direction: Direction) -> Iterator[str]:
        """Of a union with a discriminator, by its values; of others by name."""
        before, after = _choices_of(old), _choices_of(new)
        for name, part in before.items():
            if name in after:
                yield from self._schema(f"{place} {name}", part, after[name], direction)
            elif after:
                yield f"{place} {name}: removed"


def _values_of(schema: Schema) -> list[str] | None:
    if "const" in schema:
        return [str(schema["const"])]
    return [str(each) for each in schema["enum"]] if "enum" in schema else None


def _choices_of(schema: Schema) -> dict[str, Schema]:
    if "discriminator" in schema:
        return {kind: {"$ref": reference} for kind, reference in schema["discriminator"]["mapping"].items()}
    parts = (*schema.get("anyOf", ()), *schema.get("oneOf", ()))
    return {part["$ref"].rpartition("/")[2]: part for part in parts if "$ref" in part}


def _limits(place: str, old: Schema, new: Schema) -> Iterator[str]:
    """Limits that are narrower than before."""
    for names, is_narrower in ((_LEAST, float.__gt__), (_MOST, float.__lt__)):
        for name in names:
            if name in new and (name not in old or is_narrower(float(new[name]), float(old[name]))):
                yield f"{place}: {name} {new[name]}"
    for name in ("pattern", "multipleOf"):
        if name in new and new[name] != old.get(name):
            yield f"{place}: {name} {new[name]}"
