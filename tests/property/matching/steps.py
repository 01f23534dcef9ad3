"""Steps of a random run: commands without their running numbers, so that a run can be shortened and replayed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from matching.codec import BatchOpen, Command
from matching.spec.state import State


@dataclass(frozen=True)
class Step:
    """A command whose sequence number, batch number and L1 index are filled in when it is sent.

    The offsets make them wrong on purpose; `flip` = (byte position, mask) damages the encoded bytes.
    """

    command: Command
    seq_offset: int = 0
    number_offset: int = 0
    flip: tuple[int, int] | None = None

    def encode(self, state: State) -> bytes:
        """The bytes to send to machines in this state."""
        body = self.command.body
        if isinstance(body, BatchOpen):
            body = replace(body, batch_no=state.system.batch_no + 1 + self.number_offset)
        elif hasattr(body, "l1_index"):
            body = replace(body, l1_index=(state.system.priority_done + self.number_offset) % 2**64)  # type: ignore[call-arg]
        data = bytearray(replace(self.command, seq=state.system.seq + 1 + self.seq_offset, body=body).encode())
        if self.flip and self.flip[0] < len(data):
            data[self.flip[0]] ^= self.flip[1]
        return bytes(data)
