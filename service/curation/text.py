"""Text as curation sees it: made whole, so that it can be written; normalised, so that it can be compared."""

import unicodedata


def make_whole(text: str) -> str:
    """Return `text` as valid Unicode: half a surrogate pair becomes U+FFFD, two matching halves the character they mean."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def normalise(text: str) -> str:
    """Return what two texts share that people would call the same: Unicode NFKC, case folded, runs of white space as one blank.

    Folding can undo the normal form, hence NFKC before and after it (the Unicode Standard, section 3.13, "compatibility caseless match").
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())
