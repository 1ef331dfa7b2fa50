"""Codes of the trade, each resolved to its normal form, or to None where it is not in use.

HS 2022 subheadings, Incoterms 2020, ISO 4217, ISO 3166-1 alpha-2, UN/ECE Recommendation 20,
ISO 17442 (LEI), and the Korean business registration number.
"""

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

import pycountry
from stdnum import exceptions as stdnum_exceptions
from stdnum import lei as stdnum_lei
from stdnum.kr import brn as stdnum_brn

INCOTERMS_2020: Final = frozenset(
    ["EXW", "FCA", "CPT", "CIP", "DAP", "DPU", "DDP", "FAS", "FOB", "CFR", "CIF"]
)
_HS: Final = re.compile(r"[0-9]{4}\.?[0-9]{2}(\.?[0-9]{2}(\.?[0-9]{2})?)?")
_BRN_WEIGHTS: Final = (1, 3, 7, 1, 3, 7, 1, 3, 5)
_UNIT: Final = re.compile(r"[A-Z0-9]{2,3}")


def hs_code(text: str) -> str | None:
    """`8413.70` or `841370`, up to ten digits; the first six must be an HS 2022 subheading."""
    if not _HS.fullmatch(text):
        return None
    digits = text.replace(".", "")
    return digits if digits[:6] in _hs_subheadings() else None


def incoterm(text: str) -> str | None:
    """A rule of Incoterms 2020."""
    return text if text in INCOTERMS_2020 else None


def currency(text: str) -> str | None:
    """An ISO 4217 alphabetic code."""
    return text if _is_alpha(text, 3) and pycountry.currencies.get(alpha_3=text) else None


def country(text: str) -> str | None:
    """An ISO 3166-1 alpha-2 code."""
    return text if _is_alpha(text, 2) and pycountry.countries.get(alpha_2=text) else None


def unit(text: str) -> str | None:
    """The form of a UN/ECE Recommendation 20 unit; the list itself is open to extension."""
    return text if _UNIT.fullmatch(text) else None


def lei(text: str) -> str | None:
    """A Legal Entity Identifier with valid check digits."""
    try:
        return str(stdnum_lei.validate(text))
    except stdnum_exceptions.ValidationError:
        return None


@lru_cache(4096)
def business_registration_number(text: str) -> str | None:
    """A Korean business registration number with a valid check digit, as ten digits.

    stdnum knows the form only; the check digit follows the National Tax Service's rule.
    """
    try:
        digits = [int(digit) for digit in stdnum_brn.validate(text)]
    except stdnum_exceptions.ValidationError:
        return None
    weighted = sum(d * w for d, w in zip(digits[:9], _BRN_WEIGHTS, strict=True))
    check = -(weighted + digits[8] * 5 // 10) % 10
    return "".join(map(str, digits)) if check == digits[9] else None


def _is_alpha(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isupper() and text.isalpha()


@cache
def _hs_subheadings() -> frozenset[str]:
    table = files("nftsvc.core.trade").joinpath("hs-2022.txt").read_text("ascii")
    return frozenset(line for line in table.splitlines() if line and line[0] != "#")
