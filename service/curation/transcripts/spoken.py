"""What speeches are made of, for those who make samples of them."""

from service.curation.transcripts.names import key
from service.curation.transcripts.scenes import Script


def says_something(text: str) -> bool:
    """Whether there is a letter or a digit outside its directions: `----?` is no line to learn from, nor is `[She nods.]` alone."""
    depth = 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if depth == 0 and character.isalnum():
            return True
    return False


def name_words(script: Script) -> frozenset[str]:
    """The words of the parts' names, in small letters."""
    return frozenset(word for speaker in script.cast for word in key(speaker).split()) - {"and", "of", "the"}
