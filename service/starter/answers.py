"""Lets a starter model answer the twenty questions by sampling, one answer each, none picked."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from service.starter.enlarge import read_prompts

QUESTIONS_FILE = Path(__file__).parent / "questions.txt"
LONGEST_ANSWER = 80
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
    answers = []
    for place, question in enumerate(questions):
        voice = "friend" if place < len(questions) / 2 else "mentor"
        messages = [{"role": "system", "content": "\n".join(prompts[voice])}, {"role": "user", "content": question}]
        given = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
        written = model.generate(**given, do_sample=True, temperature=0.9, top_p=0.95, top_k=0, max_new_tokens=LONGEST_ANSWER)
        text = tokenizer.decode(written[0, given["input_ids"].shape[1] :], skip_special_tokens=True)
        answers.append(Answer(voice, question, text.strip()))
    return answers


def is_whole(text: str) -> bool:
    """Whether a reply is at least three words, ends as a sentence does, and is not caught in a loop."""
    words = text.lower().split()
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    return len(words) >= FEWEST_WORDS and text[-1] in ".?!" and len(set(trigrams)) == len(trigrams)
