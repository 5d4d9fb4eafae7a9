"""How likely models find given replies: `python -m service.evaluation.likelihood IN.json OUT.json`.

Imports torch: run it, do not import it.

IN:  {"models": {name: folder}, "rows": [{"prompt": [messages], "completion": [messages]}]}
OUT: {name: [{"logprob": nats over the reply's tokens, the one that ends it included, "tokens": how many}]}, written last and whole.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from service.providers.role_marks import mark_breaker

_BATCH = 16  # rows at a time


def main(arguments: Sequence[str]) -> None:
    """Score every row with every model, one model in memory at a time."""
    source, out = (Path(argument) for argument in arguments)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    asked = json.loads(source.read_bytes())
    scores = {name: score(Path(folder), asked["rows"]) for name, folder in asked["models"].items()}
    partial = out.with_name(out.name + ".partial")
    partial.write_text(json.dumps(scores), encoding="utf-8")
    partial.replace(out)


def score(folder: Path, rows: Sequence[dict[str, Any]]) -> list[dict[str, float]]:
    """The scores that the checkpoint in `folder`, or the adapter on its base, gives the rows, in their order."""
    base = _base_of(folder)
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    if base != folder:
        model = PeftModel.from_pretrained(model, str(folder))
    model.eval().to(torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu")
    clean = mark_breaker(base)
    return score_with(model, AutoTokenizer.from_pretrained(base), [{**row, **_cleaned(row, clean)} for row in rows])


def score_with(model: Any, tokenizer: Any, rows: Sequence[dict[str, Any]]) -> list[dict[str, float]]:
    """The scores that a loaded model gives the rows, in their order; rows of like length are computed together."""
    longest = getattr(model.config, "max_position_embeddings", 1024)
    encoded = [_encode(tokenizer, row, longest) for row in rows]
    scores: list[dict[str, float]] = [{}] * len(rows)
    for places in _batches(sorted(range(len(rows)), key=lambda place: len(encoded[place][0]))):
        for place, logprob in zip(places, _logprobs(model, [encoded[place] for place in places]), strict=True):
            scores[place] = {"logprob": logprob, "tokens": encoded[place][1]}
    return scores


def _base_of(folder: Path) -> Path:
    """The model an adapter belongs to; a whole model is its own."""
    settings = folder / "adapter_config.json"
    return Path(json.loads(settings.read_bytes())["base_model_name_or_path"]) if settings.exists() else folder


def _cleaned(row: dict[str, Any], clean: Callable[[str], str]) -> dict[str, Any]:
    """The messages of a row as training sees them: nobody can speak as somebody else."""
    return {part: [{**message, "content": clean(message["content"])} for message in row[part]] for part in ("prompt", "completion")}


def _encode(tokenizer: Any, row: dict[str, Any], longest: int) -> tuple[list[int], int]:
    """The tokens of a row, trimmed at the left to what the model can read, and how many at the end are the reply's.

    The reply begins where the chat with it departs from the chat that waits for it: some templates end the two differently.
    """
    prompt = _tokens(tokenizer, row["prompt"], add_generation_prompt=True)
    whole = _tokens(tokenizer, row["prompt"] + row["completion"], add_generation_prompt=False)
    start = next((place for place, (one, other) in enumerate(zip(prompt, whole, strict=False)) if one != other), len(prompt))
    return whole[-longest:], min(len(whole) - start, longest - 1)


def _tokens(tokenizer: Any, messages: list[dict[str, str]], *, add_generation_prompt: bool) -> list[int]:
    tokens: list[int] = tokenizer.apply_chat_template(
        messages, tokenize=True, return_dict=False, add_generation_prompt=add_generation_prompt
    )
    return tokens


def _logprobs(model: Any, batch: Sequence[tuple[list[int], int]]) -> list[float]:
    """Padded at the right, where no token of a causal model looks; only the ends, where the replies are, are projected to words."""
    width = max(len(tokens) for tokens, _ in batch)
    ends = max(width - len(tokens) + reply for tokens, reply in batch)
    ids = torch.tensor([tokens + [0] * (width - len(tokens)) for tokens, _ in batch], device=model.device)
    mask = torch.tensor([[1] * len(tokens) + [0] * (width - len(tokens)) for tokens, _ in batch], device=model.device)
    with torch.inference_mode():
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=ends + 1).logits[:, :-1].float()
    each = torch.log_softmax(logits, dim=-1).gather(-1, ids[:, width - ends :, None]).squeeze(-1)
    sums = []
    for place, (tokens, reply) in enumerate(batch):
        end = ends - (width - len(tokens))
        sums.append(float(each[place, end - reply : end].sum()))
    return sums


def _batches(places: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(places), _BATCH):
        yield places[start : start + _BATCH]


if __name__ == "__main__":
    main(sys.argv[1:])
