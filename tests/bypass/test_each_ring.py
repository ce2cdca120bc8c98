"""Each ring with the other two switched off: it stops what docs/rings.md says, no more and no less."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.bypass.catalogue import FAMILIES, OPEN, attacks
from tests.bypass.outcomes import ALONE, committed
from tests.bypass.rings import Lab, lab

EVERY = attacks()
BY_STATEMENT = [id for id, attack in EVERY.items() if attack.code is None]
EXPECTED = committed()


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("attacks")) as made:
        yield made


@pytest.mark.parametrize("attack", BY_STATEMENT)
def test_a_ring_alone(attack: str, laboratory: Lab) -> None:
    """As committed; `python -m tests.bypass.outcomes` writes the expectation anew: look at its difference."""
    found = {}
    for ring in ALONE:
        learned = laboratory.judged(EVERY[attack], ring)
        found[ring] = None if learned is None else not learned
    assert found == EXPECTED[attack]


@pytest.mark.parametrize("attack", BY_STATEMENT)
def test_without_any_ring_it_is_an_attack(attack: str, laboratory: Lab) -> None:
    """What no ring had to stop would prove nothing: without them each finds or changes something, but for
    those that attack the guard itself or that the driver stops already."""
    learned = laboratory.judged(EVERY[attack], "none")
    assert bool(learned) == EVERY[attack].works_unguarded


def test_the_expectation_is_of_these_attacks() -> None:
    """None is missing from the committed outcomes, none stands there that is gone."""
    assert list(EXPECTED) == BY_STATEMENT


def test_every_attack_has_words() -> None:
    """The page needs them; ids are kebab-case."""
    for family in FAMILIES:
        for attack in family.attacks:
            assert attack.id == attack.id.lower().replace(" ", "-").replace("_", "-")
            assert attack.title
            assert (attack.code is None) == bool(attack.steps)
        titles = [attack.title for attack in family.attacks]
        assert len(set(titles)) == len(titles)
    assert all(OPEN.values())
