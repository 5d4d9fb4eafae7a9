"""The recipe of the starter model: corpus, tokenizer, training, weights, answers, card."""

import json
import random
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import GenerationConfig

from service.starter import tokenizer as tokens
from service.starter import training
from service.starter.answers import TEMPERATURE, answer_questions, read_questions
from service.starter.card import Figures, write_card
from service.starter.corpus import Block, Words, count_exchanges, read_corpus, read_words
from service.starter.enlarge import Prompts, Session, enlarge, read_prompts

HELD_OUT_SESSIONS = 80
SHARPNESS = 1.9  # so small a model spreads its chances too wide: at a temperature of 0.9 it would too often miss the kind of a message

talk = Console(stderr=True)


@dataclass(frozen=True)
class Material:
    """Everything that the training reads."""

    blocks: list[Block]
    words: Words
    prompts: Prompts


def read_material() -> Material:
    """The corpus, the word lists and the system prompts."""
    return Material(read_corpus(), read_words(), read_prompts())


def texts_of(sessions: list[Session]) -> list[str]:
    """Every text of the sessions once per place where it stands, for the tokenizer to count."""
    return [text for session in sessions for text in (session.system, *(part for pair in session.exchanges for part in pair))]


def train_model(material: Material, limit: training.Limit, seed: int, small: bool) -> tuple[Any, Any, training.Progress]:
    """Makes tokenizer and model, and trains the model with a progress bar."""
    torch.manual_seed(seed)
    trained, held_out = training.split_blocks(material.blocks, seed)
    round_of_all = list(enlarge(material.blocks, material.words, material.prompts, seed))
    tokenizer = tokens.make_tokenizer(texts_of(round_of_all))
    held_out_sessions = list(enlarge(held_out, material.words, material.prompts, seed))
    random.Random(seed).shuffle(held_out_sessions)
    model = training.make_model(tokenizer, small)
    batches = training.endless_batches(trained, material.words, material.prompts, tokenizer, seed)
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=talk) as bar:
        task = bar.add_task("", total=limit.steps or 1000)

        def tell(report: training.Progress) -> None:
            done = report.step if limit.steps else round(1000 * report.share)
            bar.update(task, completed=done, description=f"loss {report.loss:.2f}, {report.tokens / report.seconds:,.0f} tokens/s")
            if report.held_out_loss is not None:
                bar.console.print(f"step {report.step:,}: loss {report.loss:.3f}, held out {report.held_out_loss:.3f}")

        rows = tokens.encode(held_out_sessions[:HELD_OUT_SESSIONS], tokenizer)
        report = training.train(model, batches, rows, limit, tell)
    return tokenizer, model, report


def sharpen(model: Any) -> None:
    """Makes the model surer of its first choices, by the scale of the last norm: sampling is then as at a lower temperature."""
    with torch.no_grad():
        model.model.norm.weight.mul_(SHARPNESS)


def save_model(tokenizer: Any, model: Any, out: Path) -> None:
    """One folder that AutoModelForCausalLM and AutoTokenizer load: float16 on disk, float32 in memory."""
    out.mkdir(parents=True, exist_ok=True)
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=TEMPERATURE,
        top_p=0.95,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
        max_new_tokens=120,
    )
    model.half().save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)  # the library writes it for its owner only
    tokenizer.save_pretrained(out)
    config_file = out / "config.json"
    config = json.loads(config_file.read_text(encoding="utf-8"))
    config["dtype"] = "float32"
    config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def describe(material: Material, model: Any, report: training.Progress, command: str, seed: int, out: Path) -> str:
    """The model card, with the twenty questions answered by the saved model."""
    kinds = {block.source: block.general for block in material.blocks if not block.turns[0].replies}
    general = [reply.text for replies in kinds.values() for reply in replies]
    dialogues = [block for block in material.blocks if block.source not in kinds]
    replies = [reply.text for block in dialogues for turn in block.turns for reply in turn.replies]
    figures = Figures(
        layers=model.config.num_hidden_layers,
        hidden=model.config.hidden_size,
        parameters=model.num_parameters(),
        context=model.config.max_position_embeddings,
        vocabulary=model.config.vocab_size,
        exchanges=count_exchanges(material.blocks),
        blocks=len(dialogues),
        words=len(set(re.findall(r"[a-z']+", " ".join([*replies, *general]).lower()))),
        kinds=len(kinds),
        wordings=len(material.blocks) - len(dialogues),
        general=len(general),
        command=command,
        steps=report.step,
        tokens=report.tokens,
        minutes=report.seconds / 60,
        cores=torch.get_num_threads(),
        loss=report.loss,
        held_out=report.held_out_loss or float("nan"),
        sampled=TEMPERATURE / SHARPNESS,
        seed=seed,
    )
    return write_card(figures, answer_questions(out, read_questions(), seed))


def build(limit: training.Limit, seed: int, out: Path, small: bool = False) -> training.Progress:
    """Corpus, tokenizer, training, weights, answers, card; the card is written last, so it stands for a finished build.

    With `small` it is a toy model of an eighth of the corpus, made in seconds.
    """
    material = read_material()
    if small:
        material = replace(material, blocks=material.blocks[::8])
    talk.print(f"{count_exchanges(material.blocks):,} hand-written exchanges")
    tokenizer, model, report = train_model(material, limit, seed, small)
    sharpen(model)
    save_model(tokenizer, model, out)
    wanted = f"--steps {limit.steps}" if limit.steps else f"--minutes {limit.minutes:g}"
    command = f"python -m service.starter.build {wanted} --seed {seed}"
    (out / "README.md").write_text(describe(material, model, report, command, seed, out), encoding="utf-8")
    talk.print(f"done in {report.seconds / 60:.1f} minutes")
    return report
