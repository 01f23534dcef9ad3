"""How a rule refuses a command or a leg inside the model."""

from __future__ import annotations

from matching.codec import ResultCode


class Refused(Exception):
    """A check of the rules failed; `code` becomes the command's or the leg's result code.

    `price_ticks` is the price of the band nearest to the refused one (codes 36 and 37).
    """

    def __init__(self, code: ResultCode, price_ticks: int = 0) -> None:
        super().__init__(code.name)
        self.code = code
        self.price_ticks = price_ticks


def check(condition: bool, code: ResultCode) -> None:
    """Refuses with `code` unless the condition holds."""
    if not condition:
        raise Refused(code)
