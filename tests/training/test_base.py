"""The seam of training: how large a model is."""

import pytest

from service.errors import TrainingError
from service.providers.catalog import STARTER
from service.training.base import count_parameters


def test_a_models_weights_are_counted_from_its_files():
    """The starter has some millions of weights; a folder without a model is said to be one."""
    assert 3_000_000 < count_parameters(STARTER) < 20_000_000


def test_a_folder_without_a_model_cannot_be_counted(tmp_path):
    """The sentence names the folder."""
    with pytest.raises(TrainingError, match=r"There is no model in .*"):
        count_parameters(tmp_path)
