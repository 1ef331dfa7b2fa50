"""The documentation says what is there: its links lead somewhere, its codes exist."""

import hashlib
import re
from pathlib import Path

import pytest

from nftsvc.core.verify import Verdict
from tests.unit import verdict_cases as cases

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\((?!https?://|mailto:|#)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page__relative_links__lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_verdicts__every_one__is_explained() -> None:
    text = (ROOT / "docs/explanation/verification.md").read_text("utf-8")
    for verdict in Verdict:
        assert f"| {verdict} |" in text


def test_manifest__every_member__is_in_the_reference() -> None:
    text = (ROOT / "docs/reference/manifest.md").read_text("utf-8")
    sealed, public = cases.V2.decode(), cases.PUBLIC.decode()
    for member in re.findall(r'"(\w+)":', sealed + public):
        if member not in ("trait_type", "value"):
            assert f"`{member}" in text or f'"{member}"' in text, member


def test_commitment__by_the_shell_recipe_of_the_how_to__is_the_manifests() -> None:
    digest = hashlib.sha256(cases.CONTRACT_FILE).hexdigest()
    salt = bytes(cases.SALTS[0]).hex()
    commitment = hashlib.sha256(bytes.fromhex(salt + digest)).hexdigest()
    assert commitment in cases.V1.decode()
