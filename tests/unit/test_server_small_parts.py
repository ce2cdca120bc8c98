"""The server's small parts: settings, secrets, limits, addresses, countries."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptimage_server.features.accounts.addresses import normalised
from gptimage_server.limits import Limits, network
from gptimage_server.secrets import Secrets, load_secrets, new_id, new_token, same, token_hash
from gptimage_server.settings import SettingsError, from_environment
from gptimage_server.web.places import CODES, COUNTRIES, country_name

SECRETS = Secrets(bytes(range(32)))


def test_settings_come_from_the_environment_and_everything_else_is_left_alone() -> None:
    """`GPTIMAGE_PORT=0` and friends are read; other variables are not ours."""
    settings = from_environment({"GPTIMAGE_PORT": "0", "GPTIMAGE_HOME": "/srv/x", "PORT": "nonsense"})
    assert (settings.port, settings.home) == (0, Path("/srv/x"))
    assert settings.database_file == Path("/srv/x/data/gptimage.sqlite")


def test_keys_and_ledger_lie_apart_from_the_data() -> None:
    """X8: no folder of keys, ledger or secret lies inside the data's, so a backup of the data has none."""
    settings = from_environment({})
    data = settings.database_file.parent
    for place in (settings.keyring_folder, settings.ledger_file, settings.secret_file):
        assert data not in place.parents
        assert settings.blob_folder not in place.parents


def test_every_wrong_setting_is_named_at_once() -> None:
    """A setting that is silently ignored is wrong: unknown names and bad values stop the start together."""
    with pytest.raises(SettingsError) as caught:
        from_environment({"GPTIMAGE_PROT": "1", "GPTIMAGE_PORT": "eight", "GPTIMAGE_MAIL": "pigeon"})
    for part in ("GPTIMAGE_PROT", "`eight`", "`pigeon`"):
        assert part in str(caught.value)


@given(st.binary(max_size=300), st.text(max_size=10), st.integers(0, 10_000))
def test_signed_and_sealed_values_open_for_their_use_only_and_unchanged_only(
    payload: bytes, use: str, where: int
) -> None:
    """A cookie or a link that was touched anywhere, or made for another use, opens as nothing."""
    for made, opened in ((SECRETS.sign, SECRETS.opened), (SECRETS.seal, SECRETS.unseal)):
        token = made(use, payload)
        assert opened(use, token) == payload
        assert opened(use + "x", token) is None
        index = where % len(token)
        other = "A" if token[index] != "A" else "B"
        touched = token[:index] + other + token[index + 1 :]
        assert opened(use, touched) is None
        assert opened(use, token[:index]) is None


@given(st.text(max_size=200))
def test_rubbish_opens_as_nothing(text: str) -> None:
    """Whatever stands in a cookie or an address bar: no exception, no payload."""
    assert SECRETS.opened("gate", text) is None
    assert SECRETS.unseal("link", text) is None


def test_the_secret_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    """The file has mode 0600 and gives the same keys at the next start."""
    file = tmp_path / "secret" / "server.key"
    first = load_secrets(file).keyed_hash("email", "a@example.org")
    assert load_secrets(file).keyed_hash("email", "a@example.org") == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_ids_and_tokens_are_opaque_and_fit_their_columns() -> None:
    """Ids fit 40 characters; a token's hash fits 64 and tells nothing of the token."""
    token = new_token()
    assert len(new_id()) == 22
    assert len(token) == 43
    assert len(token_hash(token)) == 64
    assert same(token_hash(token), token_hash(token))
    assert not same(token_hash(token), token_hash(new_token()))


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50)), max_size=60),
    st.integers(1, 5),
    st.integers(1, 60),
)
def test_a_limit_is_never_passed_within_its_window(
    tries: list[tuple[str, int]], limit: int, window: int
) -> None:
    """S15: in every window at most `limit` pass for a key; whoever is told to wait that long then passes."""
    limits, now, passed = Limits(), 0, []
    for key, later in tries:
        now += later
        wait = limits.take(key, limit=limit, window=window, now=now)
        if wait == 0:
            passed.append((key, now))
        inside = [at for each, at in passed if each == key and at > now - window]
        assert len(inside) <= limit
    for key in "abc":
        wait = limits.take(key, limit=limit, window=window, now=now)
        assert limits.take(key, limit=limit, window=window, now=now + wait * 1_000_000 + window) == 0


def test_a_flood_of_keys_does_not_grow_the_limits() -> None:
    """S15: memory is bounded; the oldest key is forgotten first."""
    limits = Limits(keys=10)
    for number in range(1000):
        assert limits.take(str(number), limit=1, window=10**9, now=number) == 0
    assert len(limits._seen) == 10
    assert limits.take("999", limit=1, window=10**9, now=1000) > 0


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_a_visitor_is_limited_by_what_they_hold(address: str, expected: str) -> None:
    """S15: one IPv4 address, or the /64 out of which an IPv6 host takes a new address for every try."""
    assert network(address) == expected


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("  Ada@Example.ORG ", "Ada@example.org"),
        ("a+b@sub.example.co", "a+b@sub.example.co"),
        ("zoë@bücher.example", "zoë@xn--bcher-kva.example"),
        ("nobody", None),
        ("a@b", None),
        ("a@@b.c", None),
        ("a b@c.de", None),
        ("a@b.c\r\nBcc: x@y.zz", None),
        ("a@-b.example", None),
        ("a@b..example", None),
        ("@b.example", None),
        ("a@10.0.0.1", None),
        ("x" * 65 + "@example.org", None),
        (f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 60}.org", None),
    ],
)
def test_addresses(given_text: str, expected: str | None) -> None:
    """What is taken for an address; a line break never gets near a mail's headers."""
    assert normalised(given_text) == expected


@given(st.text(max_size=300))
def test_any_text_is_an_address_or_nothing(text: str) -> None:
    """No text raises; what comes out has one line, is short enough, and is taken again as it is."""
    found = normalised(text)
    if found is not None:
        assert len(found) <= 254
        assert not any(character.isspace() or ord(character) < 32 for character in found)
        assert normalised(found) == found


def test_countries_are_the_249_of_the_standard_each_once() -> None:
    """ISO 3166-1 has 249 entries; an unknown code has words too (X6)."""
    assert len(COUNTRIES) == len(CODES) == 249
    assert all(len(code) == 2 and code.isupper() and name for code, name in COUNTRIES)
    assert country_name("NL") == "Netherlands"
    assert country_name(None) == country_name("ZZ") == "not known"
