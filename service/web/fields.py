"""What the framework finds wrong with a field, told as the caller knows it: by the name it was sent under, and with the words it takes."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec.inspect as types
from litestar.handlers.base import BaseRouteHandler
from litestar.params import ParameterKwarg

_BODY = "data"  # what the framework calls the whole of it


def describe(handler: BaseRouteHandler, complaint: Mapping[str, Any]) -> tuple[str, str]:
    """The name of a complaint's field and what is wrong with it; a complaint about the whole body has no name."""
    key, message = str(complaint.get("key") or ""), str(complaint.get("message", ""))
    parameters = handler.parsed_fn_signature.parameters
    if complaint.get("source") == "body":
        body = types.type_info(parameters[_BODY].annotation) if _BODY in parameters else None
        fields = body.fields if isinstance(body, types.StructType) else ()
        name, kind = key.removeprefix(_BODY), next((field.type for field in fields if field.encode_name == key), None)
    elif parameter := parameters.get(key):
        kwarg = parameter.kwarg_definition
        name, kind = (isinstance(kwarg, ParameterKwarg) and kwarg.name) or key, types.type_info(parameter.annotation)
    else:
        name, kind = key, None
    words = ", ".join(_words(kind)) if kind and message.startswith("Invalid enum value") else ""
    return name, f"{message} (it is one of: {words})" if words else message


def _words(kind: types.Type) -> Iterator[str]:
    """The words that are of this type."""
    if isinstance(kind, types.UnionType):
        for each in kind.types:
            yield from _words(each)
    elif isinstance(kind, types.EnumType):
        yield from (str(member.value) for member in kind.cls)
    elif isinstance(kind, types.LiteralType):
        yield from map(str, kind.values)
