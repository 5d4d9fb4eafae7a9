"""OpenAI's own description of its fine-tuning API, to hold a stand-in to: every answer and every request is checked against it.

The part that is needed lies in `tests/training/openai-schemas.json`. The description is of OpenAPI 3.1 and speaks 3.0 in places: `nullable`
and a boolean `exclusiveMinimum` are put into words that JSON Schema 2020-12 knows.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

SCHEMAS = Path(__file__).parent.parent / "training" / "openai-schemas.json"


def normalised(schema: Any) -> Any:
    """The same schema without the words of OpenAPI 3.0."""
    if isinstance(schema, list):
        return [normalised(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: normalised(part) for key, part in schema.items() if key != "nullable"}
    if plain.get("exclusiveMinimum") is True:
        plain["exclusiveMinimum"] = plain.pop("minimum", 0)
    elif plain.get("exclusiveMinimum") is False:
        del plain["exclusiveMinimum"]
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


@cache
def _validator(name: str) -> Draft202012Validator:
    document = normalised(json.loads(SCHEMAS.read_text("utf-8")))
    registry: Registry[Any] = Registry().with_resource("urn:openai", Resource(contents=document, specification=DRAFT202012))
    return Draft202012Validator({"$ref": f"urn:openai#/components/schemas/{name}"}, registry=registry)


def require_valid(name: str, document: Any) -> None:
    """Fail, naming place and reason, when a document is not what the description says."""
    errors = [f"{name}{error.json_path[1:]}: {error.message}" for error in _validator(name).iter_errors(document)]
    assert not errors, errors[:3]
