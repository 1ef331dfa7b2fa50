"""Which language a reader gets, and the words in it."""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files

from starlette.requests import Request


class Language(StrEnum):
    """The languages of the pages; one message catalogue each."""

    ENGLISH = "en"
    KOREAN = "ko"


COOKIE = "language"


def language_of(request: Request) -> Language:
    """`?lang=`, else the stored choice, else Accept-Language, else English."""
    for chosen in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if chosen in list(Language):
            return Language(chosen)
    return _negotiated(request.headers.get("accept-language", ""))


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    """All messages of a language by their keys."""
    path = files("nftsvc.web").joinpath("static", "messages", f"{language}.json")
    messages: dict[str, str] = json.loads(path.read_text("utf-8"))
    return messages


def translator(language: Language) -> Callable[[str], str]:
    """The message of a key; KeyError for one that the catalogue lacks."""
    return catalogue(language).__getitem__


def _negotiated(accepted: str) -> Language:
    best, best_quality = Language.ENGLISH, 0.0
    for choice in accepted.split(","):
        tag, _, parameters = choice.strip().partition(";")
        quality = _quality(parameters)
        primary = tag.strip().lower().split("-")[0]
        if primary in list(Language) and quality > best_quality:
            best, best_quality = Language(primary), quality
    return best


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
