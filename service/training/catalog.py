"""Which trainer a persona's `learning.trainer` names."""

from service.errors import TrainingError
from service.personas.persona import Persona
from service.training.base import Trainer
from service.training.local import LocalTrainer


class Trainers:
    """The trainers in use, so that they can all be stopped."""

    def __init__(self) -> None:
        self._local: list[LocalTrainer] = []

    def trainer_of(self, persona: Persona) -> Trainer:
        """Return a trainer with the persona's budget; raise `TrainingError` for a name that nobody answers to."""
        learning = persona.settings.learning
        if learning.trainer != "local":
            raise TrainingError(f"There is no trainer '{learning.trainer}'. Known: local.")
        trainer = LocalTrainer(learning.budget.minutes)
        self._local.append(trainer)
        return trainer

    def stop(self) -> None:
        """End every training process that was started here; a night that is asked for again goes on from its last checkpoint."""
        for trainer in self._local:
            trainer.stop()
