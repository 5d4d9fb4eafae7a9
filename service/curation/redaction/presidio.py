"""Presidio as a further finder: names of other people, places and ids by context, where its models are installed."""

import importlib
import importlib.util
from collections.abc import Iterator
from typing import Any

from service.curation.redaction.kinds import Span
from service.curation.redaction.reading import Reading
from service.errors import CurationError

_LANGUAGE = "en"
_KINDS = {
    "PERSON": "person",
    "LOCATION": "postal",
    "CREDIT_CARD": "card",
    "CRYPTO": "secret",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "network",
    "MEDICAL_LICENSE": "id_number",
    "PHONE_NUMBER": "phone",
    "UK_NHS": "id_number",
    "US_BANK_NUMBER": "id_number",
    "US_DRIVER_LICENSE": "id_number",
    "US_ITIN": "id_number",
    "US_PASSPORT": "id_number",
    "US_SSN": "id_number",
}
_MODELS = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm")
_LEAST_SCORE = 0.4


class Presidio:
    """Asks Presidio's recognizers, for English.

    People and places are found only with one of spaCy's English models, of which the largest installed is taken; without any, what has
    a pattern is found all the same. Nothing is downloaded. Raises `CurationError` when `presidio-analyzer` is not installed.
    """

    def __init__(self) -> None:
        if importlib.util.find_spec("presidio_analyzer") is None:
            raise CurationError(
                "`learning.redaction.presidio` is on, but Presidio is not installed: pip install 'attune[presidio]', or switch it off."
            )
        spacy = importlib.import_module("spacy")
        presidio = importlib.import_module("presidio_analyzer")
        engines = importlib.import_module("presidio_analyzer.nlp_engine")
        model = next((name for name in _MODELS if spacy.util.is_package(name)), None)
        engine = engines.SpacyNlpEngine()
        engine.nlp = {_LANGUAGE: spacy.load(model) if model else spacy.blank(_LANGUAGE)}
        registry = presidio.RecognizerRegistry()
        registry.load_predefined_recognizers(languages=[_LANGUAGE])
        self._analyzer: Any = presidio.AnalyzerEngine(nlp_engine=engine, registry=registry, supported_languages=[_LANGUAGE])

    def find(self, reading: Reading) -> Iterator[Span]:
        """What Presidio finds."""
        found = self._analyzer.analyze(reading.plain, _LANGUAGE, entities=list(_KINDS), score_threshold=_LEAST_SCORE)
        for result in found:
            yield Span(result.start, result.end, _KINDS[result.entity_type])
