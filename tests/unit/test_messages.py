"""The pages' words: complete in every language, and every word that is asked for is there."""

import json
import re
from pathlib import Path

import pytest

from nftsvc.core.verify import Check, Result, Verdict
from nftsvc.web.language import Language, catalogue

WEB = Path(__file__).parents[2] / "nftsvc" / "web"
VECTORS = Path(__file__).parents[1] / "vectors" / "verdicts.json"
SCRIPTS = [*(WEB / "static" / "pages").glob("*.js"), *(WEB / "static" / "verify").glob("*.js")]
TEMPLATES = list((WEB / "pages").glob("*.html"))


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_catalogues__every_language__same_keys_and_placeholders() -> None:
    english = catalogue(Language.ENGLISH)
    for language in Language:
        other = catalogue(language)
        assert other.keys() == english.keys()
        for key, text in other.items():
            assert text.strip()
            assert placeholders(text) == placeholders(english[key]), key


def test_korean__every_sentence__is_korean() -> None:
    english = catalogue(Language.ENGLISH)
    same = {key for key, text in catalogue(Language.KOREAN).items() if text == english[key]}
    assert same <= {"attribute.LEI", "verify.file.size", "facts.endpoint.silent"}


def test_scripts_and_templates__each_key_they_name__is_in_the_catalogue() -> None:
    keys = catalogue(Language.ENGLISH).keys()
    for path in SCRIPTS:
        source = path.read_text("utf-8")
        named = set(re.findall(r"""\bt\("([^"`$]+)\"""", source))
        named |= set(re.findall(r'"((?:verify|verdict|event|asset|facts)\.[a-zA-Z_.-]+)"', source))
        assert {key for key in named if not key.endswith(".js")} <= keys, path.name
        for stem in re.findall(r"`([a-z-]+(?:\.[a-z-]+)*\.)\$\{", source):
            assert any(key.startswith(stem) for key in keys), stem
    for path in TEMPLATES:
        source = path.read_text("utf-8")
        named = set(re.findall(r"""\b(?:t|words)\("([a-z0-9.-]+)\"""", source))
        assert named <= keys, path.name


@pytest.mark.parametrize("about", ["verdict", "record"])
def test_verdicts__each__have_a_word_and_a_sentence(about: str) -> None:
    keys = catalogue(Language.ENGLISH)
    for verdict in Verdict:
        assert keys[f"{about}.{verdict.value}.word"]
        assert keys[f"{about}.{verdict.value}.sentence"]


def test_checks__each_name_result_and_code__explained() -> None:
    keys = catalogue(Language.ENGLISH).keys()
    assert {f"check.{check.value}" for check in Check} <= keys
    assert {f"result.{result.value}" for result in Result} <= keys
    codes = {
        code
        for vector in json.loads(VECTORS.read_text("utf-8"))
        for code in vector["codes"].values()
    }
    rules = (WEB / "static" / "verify" / "rules.js").read_text("utf-8")
    codes |= set(re.findall(r'"(?:valid|invalid|error|skipped)", "([a-z-]+)"', rules))
    codes |= set(re.findall(r'return (?:read\()?"(manifest-[a-z-]+|content-[a-z-]+)"', rules))
    assert len(codes) > 25
    assert {f"code.{code}" for code in codes} <= keys


def test_silences__each_reason_of_the_browser__explained() -> None:
    keys = catalogue(Language.ENGLISH).keys()
    reasons = set()
    for name in ("chain.js", "fetching.js"):
        source = (WEB / "static" / "verify" / name).read_text("utf-8")
        reasons |= set(re.findall(r'CouldNotAsk\("([a-z-]+)"', source))
    assert len(reasons) >= 3
    assert {f"silence.{reason}" for reason in reasons} <= keys
