"""TRL's forms (huggingface.co/docs/trl, "Dataset formats"). A frozen dataset is in them already: what only we read is left out."""

from service.curation.formats.base import Format, Row


def _completion(row: Row) -> Row | None:
    return {"prompt": row["prompt"], "completion": row["completion"]} if row["label"] else None


def _labelled(row: Row) -> Row:
    return {"prompt": row["prompt"], "completion": row["completion"], "label": row["label"]}


def _preference(row: Row) -> Row:
    return {"prompt": row["prompt"], "chosen": row["chosen"], "rejected": row["rejected"]}


def _text(row: Row) -> Row:
    return {"text": row["text"]}


SFT = Format(about="TRL, supervised: prompt and liked completion", form="unpaired", convert=_completion)
KTO = Format(about="TRL, unpaired preference: prompt, completion and label", form="unpaired", convert=_labelled)
DPO = Format(about="TRL, preference: prompt, chosen and rejected", form="pair", convert=_preference)
LM = Format(about="TRL, language modelling: passages of text", form="passage", convert=_text)
