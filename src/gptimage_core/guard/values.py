"""Values that stand for something else: what the policy withheld, and what the guard fills in."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from gptimage_core.errors import GuardError

__all__ = ["FILLED", "WITHHELD", "Filled", "Inserted", "Withheld"]


class Withheld:
    """A field the policy does not permit here. It is not NULL: nobody was told whether there is a value.

    Using it raises `GuardError` (as a bool, string, number, sequence, in a comparison, when pickled or
    serialised); `repr` is safe, so a traceback can show it. `value is WITHHELD` asks for it. In a write it is
    dropped, so that saving a partly read row leaves the person's data as it is.
    """

    __slots__ = ()
    _only: Withheld | None = None

    def __new__(cls) -> Withheld:
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "<withheld>"

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise GuardError(
            "this field is withheld by the policy and was used as a value; ask `value is WITHHELD` first, "
            "or open an access whose purpose permits the field"
        )

    # The identity hash stays (framework code keeps rows in sets); equality would tell, so it raises.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        return self._refuse()

    def __ne__(self, other: object) -> bool:
        if other is self:
            return False
        return self._refuse()


_ALONE = """bool str bytes int float complex index format len iter next contains getitem call reduce reduce_ex
    getstate copy deepcopy lt le gt ge neg pos abs invert round trunc floor ceil"""
_PAIRED = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or"
for _name in _ALONE.split():
    setattr(Withheld, f"__{_name}__", Withheld._refuse)
for _name in _PAIRED.split():
    for _side in ("", "r", "i"):
        setattr(Withheld, f"__{_side}{_name}__", Withheld._refuse)

WITHHELD: Final = Withheld()


class Filled:
    """Stands in a new row for what the guard knows better: tenant, instant of recording, policy version."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<filled in by the guard>"


FILLED: Final = Filled()


class Inserted(dict[str, Any]):
    """A row of an INSERT's answer, equal to the plain one, with what the guard has filled in, by column."""

    __slots__ = ("filled",)

    def __init__(self, row: dict[str, Any], filled: dict[str, Any]) -> None:
        super().__init__(row)
        self.filled = filled
