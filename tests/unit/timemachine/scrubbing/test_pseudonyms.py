from __future__ import annotations

import ipaddress
import math
import unicodedata
from datetime import date, datetime
from string import ascii_lowercase
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.timemachine.scrubbing.forms import form_of
from backstory.timemachine.scrubbing.permutation import permuted
from backstory.timemachine.scrubbing.pseudonyms import Pseudonyms

KEY: Final = b"a key of thirty-two bytes, or so"
OTHER: Final = b"another key of thirty-two bytes!"
PSEUDONYMS: Final = Pseudonyms(KEY)

NAMES: Final = st.text(ascii_lowercase, min_size=8, max_size=40)


def _kinds(text: str) -> list[str]:
    return [unicodedata.category(one)[0] for one in text]


@given(st.integers(min_value=1, max_value=300), st.binary(min_size=1, max_size=8))
def test_a_permutation_reaches_every_number_below_its_size_once(size: int, domain: bytes) -> None:
    """No two values of a form become the same one, however few there are."""
    moved = [permuted(KEY, domain, number, size) for number in range(size)]
    assert sorted(moved) == list(range(size))


@pytest.mark.parametrize("size", [2, 3, 10, 26, 365])
def test_in_a_small_domain_no_number_stays_what_it_is(size: int) -> None:
    """A short original is not its own pseudonym by chance."""
    assert all(permuted(KEY, b"x", number, size) != number for number in range(size))


@given(st.text())
def test_a_text_gets_the_same_pseudonym_each_time(text: str) -> None:
    """Equal stays equal, with or without what is remembered."""
    assert PSEUDONYMS.text(text) == Pseudonyms(KEY).text(text) == PSEUDONYMS.text(text)


@given(st.lists(st.text(max_size=6), unique=True, max_size=60))
def test_different_texts_stay_different(texts: list[str]) -> None:
    """Two people do not become one, be their names short or strange."""
    assert len({PSEUDONYMS.text(text) for text in texts}) == len(texts)


@given(st.lists(st.from_regex(r"[a-c:0-3]{1,5}", fullmatch=True), unique=True, max_size=60))
def test_texts_that_nearly_have_a_form_stay_different_from_those_that_do(texts: list[str]) -> None:
    """The pseudonym of a plain text is never that of a time or an address."""
    assert len({PSEUDONYMS.text(text) for text in texts}) == len(texts)


@pytest.mark.parametrize("length", [1, 2])
def test_every_short_name_gets_a_pseudonym_of_its_own(length: int) -> None:
    """What is promised of short texts: all of them together still differ."""
    originals = {a + b for a in ascii_lowercase for b in (ascii_lowercase if length > 1 else [""])}
    assert {PSEUDONYMS.text(original) for original in originals} == originals
    assert not any(PSEUDONYMS.text(original) == original for original in originals)


@given(st.text(max_size=80).filter(lambda text: "@" not in text and "://" not in text))
def test_length_and_kinds_of_characters_are_kept(text: str) -> None:
    """Letters stay letters, digits digits, and what stands between them stays."""
    pseudonym = PSEUDONYMS.text(text)
    assert len(pseudonym) == len(text)
    assert len(pseudonym.encode()) == len(text.encode())
    if ":" not in text:
        assert _kinds(pseudonym) == _kinds(text)
        assert [one.isupper() for one in pseudonym] == [one.isupper() for one in text]


@given(NAMES)
def test_nothing_of_a_name_is_left_and_another_key_tells_another(name: str) -> None:
    """The pseudonym depends on the key, and does not hold the original."""
    assert PSEUDONYMS.text(name) != name
    assert PSEUDONYMS.text(name) != Pseudonyms(OTHER).text(name)


def test_names_look_like_names_in_every_alphabet() -> None:
    """Each letter becomes one of its own alphabet, in its own case."""
    for name in ("Donald Le", "José Ñandú", "Владимир Ли", "王小明", "김철수", "Ελένη", "नमस्ते"):
        pseudonym = PSEUDONYMS.text(name)
        assert pseudonym != name
        for one, other in zip(name, pseudonym, strict=True):
            assert unicodedata.name(one).split()[0] == unicodedata.name(other).split()[0]


@given(st.emails())
def test_an_email_stays_an_email_that_nobody_has(mail: str) -> None:
    """A pseudonym can be written to by mistake, and reaches nobody."""
    pseudonym = PSEUDONYMS.text(mail)
    if mail.count("@") == 1 and mail.rpartition(".")[2].isalpha():
        local, _, domain = pseudonym.partition("@")
        assert len(pseudonym) == len(mail)
        assert local
        assert domain.endswith((".test", ".zz"))


def test_mails_at_one_domain_stay_at_one_domain() -> None:
    """Code that groups people by where they work goes on."""
    one, other = map(PSEUDONYMS.text, ("ann@company.com", "bob@company.com"))
    assert one != other
    assert one.partition("@")[2] == other.partition("@")[2]


@given(st.uuids(version=4))
def test_a_uuid_stays_a_uuid_of_its_version(identifier: UUID) -> None:
    """Whoever parses it can."""
    pseudonym = UUID(PSEUDONYMS.text(str(identifier)))
    assert pseudonym != identifier
    assert (pseudonym.version, pseudonym.variant) == (identifier.version, identifier.variant)


@given(st.dates())
def test_a_date_stays_a_date_of_its_year(day: date) -> None:
    """A birthday moves, the age stays about what it was."""
    pseudonym = date.fromisoformat(PSEUDONYMS.text(day.isoformat()))
    assert pseudonym != day
    assert pseudonym.year == day.year


@given(st.datetimes())
def test_a_time_stays_a_time_in_its_zone(moment: datetime) -> None:
    """Date and time of day move together."""
    pseudonym = PSEUDONYMS.text(moment.isoformat() + "+02:00")
    assert pseudonym.endswith("+02:00")
    assert datetime.fromisoformat(pseudonym).year == moment.year


def test_a_day_that_is_none_is_treated_as_digits() -> None:
    """What only looks like a date does not stop the work."""
    pseudonym = PSEUDONYMS.text("2024-02-30")
    assert form_of(pseudonym) is None
    assert [one.isdigit() for one in pseudonym] == [one.isdigit() for one in "2024-02-30"]


@given(st.ip_addresses())
def test_the_address_of_a_machine_stays_one(address: ipaddress.IPv4Address) -> None:
    """Whoever parses it can."""
    assert ipaddress.ip_address(PSEUDONYMS.text(str(address))).version == address.version


def test_phone_and_decimal_keep_punctuation_and_leading_zeros() -> None:
    """What is read as a number can be read as one afterwards."""
    phone = PSEUDONYMS.text("+49 (171) 234-5678")
    assert [one if not one.isdigit() else "0" for one in phone] == list("+00 (000) 000-0000")
    assert PSEUDONYMS.text("007")[0] == "0"
    assert PSEUDONYMS.text("12.50")[0] != "0"


def test_the_scheme_of_a_url_stays() -> None:
    """A link stays a link."""
    pseudonym = PSEUDONYMS.text("https://example.com/u/donald")
    assert pseudonym.startswith("https://")
    assert "donald" not in pseudonym
    assert "example" not in pseudonym


@pytest.mark.parametrize("text", ["", " ", "---", "!?", "0"])
def test_a_text_without_letters_and_digits_stays(text: str) -> None:
    """Empty stays empty."""
    assert PSEUDONYMS.text(text) == text


@given(st.integers(min_value=-(2**63) + 1, max_value=2**64 - 1))
def test_a_whole_number_keeps_sign_and_digits_and_fits_where_it_fitted(number: int) -> None:
    """No column overflows because of a pseudonym."""
    pseudonym = PSEUDONYMS.number(number)
    assert isinstance(pseudonym, int)
    assert len(str(pseudonym)) == len(str(number))
    assert (pseudonym < 0) == (number < 0)
    for bits in (15, 31, 53, 63, 64):
        assert (abs(pseudonym) < 2**bits) == (abs(number) < 2**bits)


@given(st.integers(min_value=-(10**19), max_value=10**19))
def test_a_whole_number_and_its_text_get_the_same_pseudonym(number: int) -> None:
    """The key of a stream agrees with a number in the data."""
    assert PSEUDONYMS.text(str(number)) == str(PSEUDONYMS.number(number))


@given(st.integers(min_value=10**21, max_value=10**40))
def test_a_number_of_more_than_64_bits_keeps_its_digits(number: int) -> None:
    """JSON has no longest number."""
    for signed in (number, -number):
        pseudonym = PSEUDONYMS.number(signed)
        assert pseudonym != signed
        assert len(str(pseudonym)) == len(str(signed))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_fraction_stays_a_finite_fraction(number: float) -> None:
    """No pseudonym is something that JSON cannot hold."""
    pseudonym = PSEUDONYMS.number(number)
    assert math.isfinite(pseudonym)
    assert isinstance(pseudonym, float)
    assert math.copysign(1, pseudonym) == math.copysign(1, number)


@given(st.lists(st.integers(1, 999_999).map(lambda cents: cents / 100), unique=True, max_size=50))
def test_different_amounts_stay_different_and_keep_their_digits(amounts: list[float]) -> None:
    """Amounts of money keep their number of places."""
    pseudonyms = [PSEUDONYMS.number(amount) for amount in amounts]
    assert len(set(pseudonyms)) == len(amounts)
    assert [len(str(one)) for one in pseudonyms] == [len(str(one)) for one in amounts]


def test_a_choice_becomes_another_of_its_options() -> None:
    """A field that takes few values gets one of them."""
    options = ("f", "m", "x")
    chosen = {PSEUDONYMS.choice(one, options) for one in options}
    assert chosen == set(options)
    assert all(PSEUDONYMS.choice(one, options) != one for one in options)
    assert PSEUDONYMS.choice("?", options) == "?"


def test_a_long_text_is_treated_and_stays_as_long() -> None:
    """What is too long to be remembered gets its pseudonym all the same."""
    text = "Donald lives in the third house on the left. " * 50
    pseudonym = PSEUDONYMS.text(text)
    assert pseudonym == PSEUDONYMS.text(text)
    assert len(pseudonym) == len(text)
    assert "Donald" not in pseudonym


def test_what_is_no_time_never_becomes_one_that_another_became() -> None:
    """All pairs of two digits stay different, be they times or not."""
    originals = {f"{hour:02}:{minute:02}" for hour in range(30) for minute in range(100)}
    pseudonyms = {original: PSEUDONYMS.text(original) for original in originals}
    assert len(set(pseudonyms.values())) == len(originals)
    for original, pseudonym in pseudonyms.items():
        assert (form_of(original) is None) == (form_of(pseudonym) is None)


def test_what_is_no_group_of_digits_never_becomes_one() -> None:
    """Hexadecimal groups are permuted among themselves, in either case, and so are the others."""
    letters = "xyzabcABC"
    originals = {f"{a}:{b}:{c}" for a in letters for b in letters for c in letters}
    assert len({PSEUDONYMS.text(original) for original in originals}) == len(originals)


def test_what_follows_a_scheme_has_its_own_form() -> None:
    """A link for writing to somebody agrees with the address."""
    assert PSEUDONYMS.text("mailto:ann@a.org") == "mailto:" + PSEUDONYMS.text("ann@a.org")
    assert PSEUDONYMS.text("mailto:tel:x").startswith("mailto:")
    assert PSEUDONYMS.text("10:20:30.5Z").endswith("Z")


@pytest.mark.parametrize("number", [1.1e308, 1.7e308, 1.2345e308, 1.6e308])
def test_a_number_at_the_end_of_doubles_stays_finite(number: float) -> None:
    """More digits at the front would be infinite."""
    assert math.isfinite(PSEUDONYMS.number(number))


def test_a_text_of_twenty_digits_stays_one() -> None:
    """The longest numbers of 64 bits have so many, larger ones too."""
    pseudonym = PSEUDONYMS.text("99999999999999999999")
    assert pseudonym.isdigit()
    assert len(pseudonym) == 20
