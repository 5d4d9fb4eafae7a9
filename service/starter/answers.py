"""Lets a starter model answer the twenty questions by sampling, one answer each, none picked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from service.starter.enlarge import read_prompts

QUESTIONS_FILE = Path(__file__).parent / "questions.txt"
UNSEEN_FILE = Path(__file__).parent / "questions.unseen.txt"
LONGEST_ANSWER = 80
TEMPERATURE = 0.9
FEWEST_WORDS = 3


@dataclass(frozen=True)
class Answer:
    """What one voice said to one question."""

    voice: str
    question: str
    text: str


def read_questions(path: Path = QUESTIONS_FILE) -> list[str]:
    """The questions, one on each line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def answer_questions(folder: Path, questions: list[str], seed: int = 1) -> list[Answer]:
    """Asks the model in the folder: the first half of the questions to Friend, the other half to Mentor."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    prompts = read_prompts()
    torch.manual_seed(seed)
    half = (len(questions) + 1) // 2
    answers = []
    for voice, asked in (("friend", questions[:half]), ("mentor", questions[half:])):
        texts = sample(model, tokenizer, "\n".join(prompts[voice]), asked)
        answers += [Answer(voice, question, text) for question, text in zip(asked, texts, strict=True)]
    return answers


def sample(model: Any, tokenizer: Any, system: str, questions: list[str]) -> list[str]:
    """One sampled reply to each question."""
    talks = [[{"role": "system", "content": system}, {"role": "user", "content": question}] for question in questions]
    given = tokenizer.apply_chat_template(talks, add_generation_prompt=True, padding=True, return_dict=True, return_tensors="pt")
    written = model.generate(**given, do_sample=True, temperature=TEMPERATURE, top_p=0.95, top_k=0, max_new_tokens=LONGEST_ANSWER)
    texts = tokenizer.batch_decode(written[:, given["input_ids"].shape[1] :], skip_special_tokens=True)
    return [text.strip() for text in texts]


def is_whole(text: str) -> bool:
    """Whether a reply is at least three words, ends as a sentence does, and is not caught in a loop."""
    words = text.lower().split()
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    return len(words) >= FEWEST_WORDS and text[-1] in ".?!" and len(set(trigrams)) == len(trigrams)
