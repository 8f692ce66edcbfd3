"""From the schema's structs to plain values: each record knows its fields' names there, and is read by its own annotations."""

from __future__ import annotations

import base64
import dataclasses
import math
import types
import typing
from collections.abc import Iterator
from dataclasses import field
from typing import Any, Literal, TypeVar


def wire(name: str, **options: Any) -> Any:
    """A field that the schema calls otherwise. `absent`: the schema's value for "not known", which becomes `None`."""
    absent = options.pop("absent", None)
    return field(metadata={"wire": name, "absent": absent}, **options)


class Record:
    __slots__ = ()

    def keys(self) -> Iterator[str]:
        return iter(_shape(type(self)))

    def __getitem__(self, key: str) -> Any:
        shape = _shape(type(self))
        if key in shape:
            return getattr(self, shape[key].attribute)
        if any(part.attribute == key for part in shape.values()):
            return getattr(self, key)
        raise KeyError(key)

    def to_dict(self) -> dict[str, Any]:
        """Plain values under the schema's names, fit for JSON: bytes as base64."""
        return {name: _plain(getattr(self, part.attribute)) for name, part in _shape(type(self)).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


class _Part(typing.NamedTuple):
    attribute: str
    kind: Any
    """The type of the value, or of each element."""
    is_list: bool
    absent: Any


_shapes: dict[type[Any], dict[str, _Part]] = {}


def _shape(record: type[Any]) -> dict[str, _Part]:
    known = _shapes.get(record)
    if known is None:
        known = _shapes[record] = _find_shape(record)
    return known


def _find_shape(record: type[Any]) -> dict[str, _Part]:
    hints = typing.get_type_hints(record)
    shape: dict[str, _Part] = {}
    for each in dataclasses.fields(record):
        kind = hints[each.name]
        absent = each.metadata.get("absent")
        if isinstance(kind, types.UnionType) and type(None) in typing.get_args(kind):
            kind = next(option for option in typing.get_args(kind) if option is not type(None))
            absent = math.nan if kind is float and absent is None else absent
        is_list = typing.get_origin(kind) is tuple
        head, *rest = each.name.split("_")
        name = each.metadata.get("wire") or head + "".join(part.capitalize() for part in rest)
        shape[name] = _Part(each.name, typing.get_args(kind)[0] if is_list else kind, is_list, absent)
    return shape


R = TypeVar("R", bound=Record)


def read(kind: type[R], reader: Any) -> R:
    """Copies a struct out of its message."""
    values: dict[str, Any] = {}
    for name, (attribute, inner, is_list, absent) in _shape(kind).items():
        value = getattr(reader, name)
        if is_list:
            values[attribute] = tuple(_value(inner, each) for each in value)
        else:
            plain = _value(inner, value)
            missing = plain == absent or (isinstance(absent, float) and isinstance(plain, float) and math.isnan(plain))
            values[attribute] = None if absent is not None and missing else plain
    return kind(**values)


def _value(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, Record):
        return read(kind, value)
    return str(value) if kind is str or typing.get_origin(kind) is Literal else value
