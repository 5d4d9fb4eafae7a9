"""Which trainer a persona's `learning.trainer` names."""

from service.errors import TrainingError
from service.personas.persona import Persona
from service.providers.catalog import key_of
from service.providers.table import read_tables
from service.settings import Settings
from service.training.base import Method, Trainer
from service.training.local import LocalTrainer
from service.training.openai import OpenAITrainer

LOCAL = "local"
ELSEWHERE: tuple[Method, ...] = ("sft", "dpo")
"""What is trained where the trainer is not ours."""

OPENAI = "openai"


class Trainers:
    """The trainers in use, so that they can all be stopped."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: list[Trainer] = []

    def trainer_of(self, persona: Persona) -> Trainer:
        """Return a trainer with the persona's budget; raise `TrainingError` for a name that nobody answers to."""
        trainer = self._make(persona)
        self._made.append(trainer)
        return trainer

    def stop(self) -> None:
        """Let go of all runs; a night that is asked for again goes on with its own."""
        for trainer in self._made:
            trainer.stop()

    def _make(self, persona: Persona) -> Trainer:
        name, budget, settings = persona.settings.learning.trainer, persona.settings.learning.budget, self._settings
        if name == LOCAL:
            return LocalTrainer(budget.minutes, settings.launcher)
        if name == OPENAI:
            return OpenAITrainer(settings.openai_base_url, settings.openai_api_key, minutes=budget.minutes, dollars=budget.dollars)
        table = read_tables(settings.providers).get(name)
        if table is None or table.kind != "openai":
            raise TrainingError(
                f"There is no trainer '{name}'. Set learning.trainer to {LOCAL}, to {OPENAI}, or to a provider of kind openai in "
                f"{settings.providers}."
            )
        return OpenAITrainer(table.base_url, key_of(name, table), minutes=budget.minutes, dollars=budget.dollars)
