"""Reader of genotype text: a small grammar for `Genotype(...)` calls and JSON, with the place of all values (no torch).

    text   = [name "="] "Genotype" "(" {field ","} ")"  |  "{" {string ":" value ","} "}"
    field  = name "=" value  |  value                  (values alone are taken in the order of the fields)
    value  = list | tuple | string | integer | "range" "(" integer "," integer ")"
The comma before a closing sign may be left out.
"""

import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Path = tuple[str | int, ...]

MAX_DEPTH = 8
"""A genotype nests four deep; text that goes on is refused before it can exhaust the stack."""

MAX_DIGITS = 9
"""More digits than any legal number has; Python itself refuses to convert some thousands of them."""

MAX_CHARACTERS = 20_000
"""A genotype is about 700 characters long."""

MAX_RANGE = 99
"""Where a range may end: a text full of long ranges would fill the memory."""

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<string>'[^'\\\n]*'|"[^"\\\n]*")|(?P<integer>-?[0-9]+)|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"""
    r"""|(?P<sign>[()\[\]{},=:])"""
)
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
_CLOSING = {"[": "]", "(": ")", "{": "}"}


class PlacedError(Exception):
    """A rule that a genotype breaks, with the path of the value (for instance `normal`, 1, 0) or its offset in text."""

    def __init__(self, path: Path, message: str, offset: int | None = None) -> None:
        """Keep the path of the offending value, the rule, and the offset in the text where it is known."""
        super().__init__(message)
        self.path = path
        self.message = message
        self.offset = offset

    def explain(self, text: str | None = None, offsets: Mapping[Path, int] | None = None) -> str:
        """The message with its place: the path, and line and column where the text is given."""
        places = []
        if self.path:
            places.append(str(self.path[0]) + "".join(f"[{step}]" for step in self.path[1:]))
        offset = self.offset
        path = self.path
        while offset is None and offsets and path:
            offset = offsets.get(path)
            path = path[:-1]
        if text is not None and offset is not None:
            line = text.count("\n", 0, offset) + 1
            column = offset - (text.rfind("\n", 0, offset) + 1) + 1
            places.append(f"line {line}, column {column}")
        return f"genotype, {' at '.join(places)}: {self.message}" if places else f"genotype: {self.message}"


class _Token(NamedTuple):
    kind: str
    text: str
    offset: int


def describe(value: Any) -> str:
    """The value as it is shown in an error: its representation, cut where it is long or deep."""
    return _SHORT.repr(value)


def read_text(text: str, fields: Sequence[str]) -> tuple[dict[str, Any], dict[Path, int]]:
    """Read one record: its fields as plain lists, strings and integers, and the offset in the text of every value.

    PlacedError where the text leaves the grammar; what the values mean is the caller's to check.
    """
    return _Reader(text, fields).record()


class _Reader:
    """One pass over the tokens of a text, by recursive descent."""

    def __init__(self, text: str, fields: Sequence[str]) -> None:
        if len(text) > MAX_CHARACTERS:
            raise PlacedError(
                (), f"a genotype is read from at most {MAX_CHARACTERS} characters, got {len(text)}"
            )
        self.fields = fields
        self.tokens = _tokens(text)
        self.position = 0
        self.offsets: dict[Path, int] = {}

    def record(self) -> tuple[dict[str, Any], dict[Path, int]]:
        if self._next_is("name") and self.tokens[self.position + 1].text == "=":
            self.position += 2
        if self._next_is("sign", "{"):
            values = self._object()
        elif self._next_is("name", "Genotype"):
            self.position += 1
            values = self._call()
        else:
            raise self._unexpected("Genotype(...) or a JSON object {...}")
        if not self._next_is("end"):
            raise self._unexpected("the end of the text")
        return values, self.offsets

    def _object(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        self._take("sign", "{")
        while not self._next_is("sign", "}"):
            key = self._take("string", None, "a field name in quotes")
            self._take("sign", ":")
            self._field(values, key.text[1:-1], key.offset)
            self._comma_before("}")
        self.position += 1
        return values

    def _call(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        named = False
        self._take("sign", "(")
        while not self._next_is("sign", ")"):
            token = self.tokens[self.position]
            if named or (token.kind == "name" and token.text != "range"):
                named = True
                self._take("name", None, f"a field name ({', '.join(self.fields)})")
                self._take("sign", "=")
                self._field(values, token.text, token.offset)
            elif len(values) < len(self.fields):
                self._field(values, self.fields[len(values)], token.offset)
            else:
                raise self._unexpected(f"at most {len(self.fields)} fields ({', '.join(self.fields)})")
            self._comma_before(")")
        self.position += 1
        return values

    def _field(self, values: dict[str, Any], name: str, offset: int) -> None:
        if name not in self.fields:
            allowed = ", ".join(self.fields)
            raise PlacedError((), f"unknown field {describe(name)}; allowed are {allowed}", offset)
        if name in values:
            raise PlacedError((name,), f"the field {name} is given twice", offset)
        values[name] = self._value((name,))

    def _value(self, path: Path) -> Any:
        token = self.tokens[self.position]
        self.offsets[path] = token.offset
        if len(path) > MAX_DEPTH:
            raise PlacedError((), f"lists are nested more than {MAX_DEPTH} deep", token.offset)
        if token.kind == "integer":
            if len(token.text) > MAX_DIGITS:
                raise PlacedError(
                    path, f"a node is a small integer, got {len(token.text)} digits", token.offset
                )
            self.position += 1
            return int(token.text)
        if token.kind == "string":
            self.position += 1
            return token.text[1:-1]
        if token.kind == "name" and token.text == "range":
            self.position += 1
            return self._range(path)
        if token.text in ("[", "("):
            self.position += 1
            return self._list(path, _CLOSING[token.text])
        raise self._unexpected("a list, a pair, a quoted operation or an integer")

    def _list(self, path: Path, closing: str) -> list[Any]:
        values: list[Any] = []
        while not self._next_is("sign", closing):
            values.append(self._value((*path, len(values))))
            self._comma_before(closing)
        self.position += 1
        return values

    def _range(self, path: Path) -> list[int]:
        start = self.tokens[self.position].offset
        self._take("sign", "(")
        bounds = self._list(path, ")")
        small = all(isinstance(bound, int) and 0 <= bound <= MAX_RANGE for bound in bounds)
        if len(bounds) != 2 or not small:
            rule = f"range takes two integers from 0 to {MAX_RANGE}"
            raise PlacedError(path, f"{rule}, got {describe(bounds)}", start)
        return list(range(bounds[0], bounds[1]))

    def _comma_before(self, closing: str) -> None:
        """Step over a comma; without one the closing sign must follow."""
        if self._next_is("sign", ","):
            self.position += 1
        elif not self._next_is("sign", closing):
            raise self._unexpected(f"',' or {closing!r}")

    def _next_is(self, kind: str, text: str | None = None) -> bool:
        token = self.tokens[self.position]
        return token.kind == kind and (text is None or token.text == text)

    def _take(self, kind: str, text: str | None, wanted: str | None = None) -> _Token:
        if not self._next_is(kind, text):
            raise self._unexpected(wanted or repr(text))
        self.position += 1
        return self.tokens[self.position - 1]

    def _unexpected(self, wanted: str) -> PlacedError:
        token = self.tokens[self.position]
        found = "the text ends" if token.kind == "end" else f"found {describe(token.text)}"
        return PlacedError((), f"expected {wanted}, {found}", token.offset)


def _tokens(text: str) -> list[_Token]:
    tokens = []
    offset = 0
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        if match is None or match.lastgroup is None:
            raise PlacedError((), f"unexpected character {text[offset]!r}", offset)
        if match.lastgroup != "space":
            tokens.append(_Token(match.lastgroup, match.group(), offset))
        offset = match.end()
    # Two end marks, so that looking one token ahead needs no check.
    return [*tokens, _Token("end", "", len(text)), _Token("end", "", len(text))]
