"""Real clients of OpenAI's API, each as its users have it, behind one small interface."""

import json
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import openai

from tests.clients.programs import SECONDS, Failed, bounded, complaint, output, started

ROOT = Path(__file__).parent.parent.parent
INSTALLED = ROOT / ".clients"


class Said(NamedTuple):
    """A whole reply and the id of its completion."""

    text: str
    id: str


class Refused(Exception):
    """An error as the client shows it: its words, and the status where the client tells it."""

    def __init__(self, words: str, status: int | None = None) -> None:
        super().__init__(words)
        self.status = status


class Client(ABC):
    """A client that talks to the personas at `url` (which ends with /v1)."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    @abstractmethod
    def chat(self, persona: str, message: str, key: str) -> Said:
        """Ask for a whole reply; raise `Refused`."""

    @abstractmethod
    def stream(self, persona: str, message: str, key: str) -> Iterator[str]:
        """Ask for a reply and yield each piece as it comes; raise `Refused`, also in the middle."""

    @abstractmethod
    def rate(self, said: Said, body: dict[str, Any], key: str) -> dict[str, Any]:
        """Rate a reply by the id of its completion."""

    @abstractmethod
    def models(self, key: str) -> list[str]:
        """The names of the models."""

    def close(self) -> None:  # noqa: B027  # most have nothing to end
        """End what runs."""


class OpenAIPython(Client):
    """The `openai` package for Python."""

    @contextmanager
    def _client(self, key: str) -> Iterator[openai.OpenAI]:
        try:
            with openai.OpenAI(api_key=key, base_url=self.url, max_retries=0, timeout=SECONDS) as client:
                yield client
        except openai.APIError as error:
            raise Refused(error.message, getattr(error, "status_code", None)) from error

    def chat(self, persona: str, message: str, key: str) -> Said:
        with self._client(key) as client:
            reply = client.chat.completions.create(model=persona, messages=[{"role": "user", "content": message}])
        return Said(reply.choices[0].message.content or "", reply.id)

    def stream(self, persona: str, message: str, key: str) -> Iterator[str]:
        with self._client(key) as client:
            for chunk in client.chat.completions.create(model=persona, messages=[{"role": "user", "content": message}], stream=True):
                if chunk.choices and chunk.choices[0].delta.content:
                    yield chunk.choices[0].delta.content

    def rate(self, said: Said, body: dict[str, Any], key: str) -> dict[str, Any]:
        with self._client(key) as client:
            rating: Any = client.post(f"/chat/completions/{said.id}/rating", body=body, cast_to=object)
        return dict(rating)

    def models(self, key: str) -> list[str]:
        with self._client(key) as client:
            return [model.id for model in client.models.list()]


class Driven(Client):
    """A program that runs errands: it reads each as a line of JSON, and answers with lines of JSON."""

    def __init__(self, url: str, folder: Path, command: list[str]) -> None:
        super().__init__(url, folder)
        self._process = started(command, subprocess.PIPE)

    def _run(self, errand: str, key: str, **details: Any) -> Iterator[dict[str, Any]]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": errand, "url": self.url, "key": key, **details}).encode() + b"\n")
        self._process.stdin.flush()
        with bounded(self._process):
            for line in self._process.stdout:
                told = json.loads(line)
                if "refused" in told:
                    raise Refused(told["refused"], told["status"])
                yield told
                if "end" in told:
                    return
        raise AssertionError(f"{self._process.args!r} ended or took more than {SECONDS} seconds: {complaint(self._process)}")

    def _end(self, errand: str, key: str, **details: Any) -> Any:
        *_, last = self._run(errand, key, **details)
        return last["end"]

    def chat(self, persona: str, message: str, key: str) -> Said:
        return Said(**self._end("chat", key, persona=persona, message=message))

    def stream(self, persona: str, message: str, key: str) -> Iterator[str]:
        for told in self._run("stream", key, persona=persona, message=message):
            if "piece" in told:
                yield told["piece"]

    def rate(self, said: Said, body: dict[str, Any], key: str) -> dict[str, Any]:
        rating: dict[str, Any] = self._end("rate", key, id=said.id, body=body)["rating"]
        return rating

    def models(self, key: str) -> list[str]:
        names: list[str] = self._end("models", key)["names"]
        return names

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class OpenAINode(Driven):
    """The `openai` package for Node."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder, ["node", str(Path(__file__).with_name("openai_node.mjs")), str(INSTALLED / "node")])


class LangChain(Driven):
    """`langchain-openai`; it lists no models."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder, [str(INSTALLED / "python/bin/python"), str(Path(__file__).with_name("langchain_chat.py"))])


class Llm(Client):
    """The command line `llm`, told of the personas by its own file, and logging as it does by itself."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        self._command = str(INSTALLED / "python/bin/llm")
        names = ("echo", "held", "broken", "refusing", "nobody")
        entries = [f'- {{model_id: {name}, model_name: {name}, api_base: "{url}", api_key_name: attune}}\n' for name in names]
        (folder / "extra-openai-models.yaml").write_text("".join(entries))

    def chat(self, persona: str, message: str, key: str) -> Said:
        text = "".join(self._ask("prompt", "--no-stream", "--model", persona, "--key", key, message))
        [logged] = json.loads("".join(self._ask("logs", "list", "--json", "--count", "1")))
        return Said(text.strip(), logged["response_json"]["id"])

    def stream(self, persona: str, message: str, key: str) -> Iterator[str]:
        return self._ask("prompt", "--model", persona, "--key", key, message)

    def rate(self, said: Said, body: dict[str, Any], key: str) -> dict[str, Any]:
        answer = httpx.post(f"{self.url}/chat/completions/{said.id}/rating", json=body, headers={"authorization": f"Bearer {key}"})
        return dict(answer.raise_for_status().json())

    def models(self, key: str) -> list[str]:
        return "".join(self._ask("openai", "endpoint", self.url, "--models", "--key", key)).split()

    def _ask(self, *arguments: str) -> Iterator[str]:
        try:
            yield from output([self._command, *arguments], LLM_USER_PATH=str(self.folder))
        except Failed as error:
            raise Refused(str(error)) from error


class Curl(Client):
    """`curl`, with no buffer of its own."""

    def chat(self, persona: str, message: str, key: str) -> Said:
        reply = self._send("/chat/completions", key, {"model": persona, "messages": [{"role": "user", "content": message}]})
        return Said(reply["choices"][0]["message"]["content"], reply["id"])

    def stream(self, persona: str, message: str, key: str) -> Iterator[str]:
        body = {"model": persona, "messages": [{"role": "user", "content": message}], "stream": True}
        heard = ""
        for words in self._curl("/chat/completions", key, body):
            *lines, heard = (heard + words).split("\n")
            for data in (line.removeprefix("data: ") for line in lines if line.startswith("data: {")):
                event = json.loads(data)
                if "error" in event:
                    raise Refused(event["error"]["message"])
                if event["choices"] and event["choices"][0]["delta"].get("content"):
                    yield event["choices"][0]["delta"]["content"]

    def rate(self, said: Said, body: dict[str, Any], key: str) -> dict[str, Any]:
        return self._send(f"/chat/completions/{said.id}/rating", key, body)

    def models(self, key: str) -> list[str]:
        return [model["id"] for model in self._send("/models", key)["data"]]

    def _send(self, path: str, key: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads("".join(self._curl(path, key, body)))
        return answer

    def _curl(self, path: str, key: str, body: dict[str, Any] | None = None) -> Iterator[str]:
        data = ["--json", json.dumps(body)] if body is not None else []
        command = ["curl", "--silent", "--show-error", "--no-buffer", "--fail-with-body", "--header", f"authorization: Bearer {key}", *data]
        said: list[str] = []
        try:
            for words in output([*command, f"{self.url}{path}"]):
                said.append(words)
                yield words
        except Failed as error:
            raise Refused(json.loads("".join(said))["error"]["message"]) from error


CLIENTS = {"openai-python": OpenAIPython, "openai-node": OpenAINode, "langchain-openai": LangChain, "llm": Llm, "curl": Curl}
