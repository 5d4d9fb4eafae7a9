"""LangChain's client. Each line it reads is an errand, as JSON; for each it writes lines of JSON, the last of which ends the errand."""

import json
import sys
from typing import Any

import openai
import requests
from langchain_openai import ChatOpenAI


def _tell(**words: Any) -> None:
    print(json.dumps(words), flush=True)


def _model(errand: dict[str, Any]) -> ChatOpenAI:
    return ChatOpenAI(model=errand["persona"], base_url=errand["url"], api_key=errand["key"], max_retries=0, timeout=30)


def chat(errand: dict[str, Any]) -> dict[str, Any]:
    """A whole reply."""
    reply = _model(errand).invoke(errand["message"])
    return {"text": reply.content, "id": reply.response_metadata["id"]}


def stream(errand: dict[str, Any]) -> dict[str, Any]:
    """A reply piece by piece."""
    for chunk in _model(errand).stream(errand["message"]):
        if chunk.content:
            _tell(piece=chunk.content)
    return {}


def rate(errand: dict[str, Any]) -> dict[str, Any]:
    """A rating; LangChain has no call of its own for what OpenAI does not have."""
    address = f"{errand['url']}/chat/completions/{errand['id']}/rating"
    answer = requests.post(address, json=errand["body"], headers={"authorization": f"Bearer {errand['key']}"}, timeout=30)
    answer.raise_for_status()
    return {"rating": answer.json()}


for line in sys.stdin:
    task = json.loads(line)
    try:
        _tell(end={"chat": chat, "stream": stream, "rate": rate}[task["do"]](task))
    except openai.APIError as error:
        _tell(refused=str(error), status=getattr(error, "status_code", None))
