"""Fetches a base model from a hub (Hugging Face's, or one that speaks its API under HF_ENDPOINT): weights as safetensors, never pickles."""

from pathlib import Path

from service.errors import TrainingError

_WANTED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "tokenizer.model", "LICENSE*", "USE_POLICY*"]


def fetch_base(name: str, folder: Path, revision: str | None = None) -> Path:
    """Fetch `name` (`organisation/model`) into `folder` and return it; what is there already is not fetched again.

    Raises `TrainingError` in words when it cannot be had, or when what came is no model with safetensors.
    """
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - it comes with the local extra
        from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError  # noqa: PLC0415
    except ImportError as error:
        raise TrainingError("Fetching a base needs more packages (huggingface_hub is missing): pip install 'attune[local]'.") from error
    try:
        snapshot_download(name, revision=revision, local_dir=folder, allow_patterns=_WANTED)
    except GatedRepoError as error:
        raise TrainingError(f"The hub gives {name} only to those who accepted its terms. Accept them there, and set HF_TOKEN.") from error
    except RepositoryNotFoundError as error:
        raise TrainingError(f"The hub has no model '{name}'. Write organisation/model, and set HF_TOKEN if it is a private one.") from error
    except HFValidationError as error:
        raise TrainingError(f"'{name}' is no name of a model. Write organisation/model.") from error
    except HfHubHTTPError as error:
        raise TrainingError(f"The hub refused {name} ({error.response.status_code}).") from error
    except OSError as error:  # the library's own word for a hub that cannot be reached is one, too
        raise TrainingError(f"The hub could not be reached for {name} ({type(error).__name__}), or the disk is full.") from error
    if not (folder / "config.json").exists() or not any(folder.glob("*.safetensors")):
        raise TrainingError(f"{name} has no weights as safetensors, and others are not loaded. Choose another base.")
    return folder
