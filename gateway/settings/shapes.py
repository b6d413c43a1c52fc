"""What a settings model is made of, for messages and for the reference."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from gateway.settings.problems import Path


def group_of(annotation: object) -> tuple[type[BaseModel] | None, int]:
    """The model inside an annotation, and how many lists or maps are around it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, 0
    deeper = int(get_origin(annotation) in {list, tuple, dict})
    for argument in get_args(annotation):
        model, depth = group_of(argument)
        if model is not None:
            return model, depth + deeper
    return None, 0


def model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model of the group at a path; None where there is none."""
    skip = 0
    for part in path:
        if skip:
            skip -= 1
            continue
        field = model.model_fields.get(str(part))
        inner, skip = group_of(field.annotation if field else None)
        if inner is None:
            return None
        model = inner
    return model


def is_secret(annotation: object) -> bool:
    """Whether a setting holds a secret, alone or among others."""
    return annotation is SecretStr or any(is_secret(part) for part in get_args(annotation))


def type_text(annotation: object, metadata: tuple[Any, ...] = ()) -> str:
    """A type in the reader's words: `text`, `whole number`, `list of text`, `a or b`."""
    name = _named(metadata)
    if name is not None:
        return name
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(arguments[0], arguments[1:])
    if origin is Literal:
        return " or ".join(f"`{word}`" for word in arguments)
    if origin in {Union, UnionType}:
        return " or ".join(type_text(part) for part in arguments if part is not NoneType)
    if origin in {list, tuple}:
        return f"list of {type_text(arguments[0])}"
    if origin is dict:
        return f"group: name to {type_text(arguments[1])}"
    return _PLAIN.get(annotation, "group")


_PLAIN: dict[object, str] = {
    str: "text",
    SecretStr: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
}

_CHECKED = {
    "seconds": "duration",
    "_timezone": "time zone",
    "_network": "CIDR range",
    "_base_url": "URL",
    "_whole_url": "URL",
    "_url_template": "URL",
    "_payload": "name of a payload",
    "_start": "`beginning`, `end` or a time",
    "condition": "CEL condition",
}
"""The check that a text passes -> what the text is."""


def _named(metadata: tuple[Any, ...]) -> str | None:
    for item in metadata:
        name = _CHECKED.get(getattr(getattr(item, "func", None), "__name__", ""))
        if name is not None:
            return name
    return None
