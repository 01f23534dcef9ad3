"""Emits EVM code: the few operations that the generated evaluators use, with absolute jump targets."""

from __future__ import annotations

from zk.errors import ZkError

CODE_SIZE_MAX = 24_576  # EIP-170
INIT_BYTES = 10  # of `init_code` before the runtime code

OPCODES = {
    "STOP": 0x00,
    "ADD": 0x01,
    "MUL": 0x02,
    "SUB": 0x03,
    "ADDMOD": 0x08,
    "MULMOD": 0x09,
    "ISZERO": 0x15,
    "AND": 0x16,
    "SHR": 0x1C,
    "CALLDATALOAD": 0x35,
    "CALLDATACOPY": 0x37,
    "CODECOPY": 0x39,
    "POP": 0x50,
    "MLOAD": 0x51,
    "MSTORE": 0x52,
    "JUMP": 0x56,
    "JUMPI": 0x57,
    "JUMPDEST": 0x5B,
    "RETURN": 0xF3,
}


class GeneratorError(ZkError):
    """A machine for which no verifier contract can be generated."""


class Assembler:
    """A growing code. Targets are two-byte absolute positions, so code before a position never moves."""

    def __init__(self) -> None:
        self.code = bytearray()

    @property
    def position(self) -> int:
        """Position of the next operation."""
        return len(self.code)

    def op(self, *names: str) -> None:
        """Appends operations by name; DUPn and SWAPn included."""
        for name in names:
            if name.startswith("DUP"):
                self.code.append(0x7F + int(name[3:]))
            elif name.startswith("SWAP"):
                self.code.append(0x8F + int(name[4:]))
            else:
                self.code.append(OPCODES[name])

    def push(self, value: int) -> None:
        """Pushes a number with as few bytes as it has."""
        if value == 0:
            self.code.append(0x5F)
            return
        data = value.to_bytes((value.bit_length() + 7) // 8, "big")
        self.code.append(0x5F + len(data))
        self.code += data

    def load(self, address: int) -> None:
        """Pushes the memory word at a fixed address."""
        self.push(address)
        self.op("MLOAD")

    def store(self, address: int) -> None:
        """Pops into the memory word at a fixed address."""
        self.push(address)
        self.op("MSTORE")

    def push_target(self, target: int = 0) -> int:
        """Pushes a jump target on two bytes; returns the place where `patch` can set it later."""
        self.code.append(0x61)
        self.code += target.to_bytes(2, "big")
        return self.position - 2

    def patch(self, place: int, target: int) -> None:
        """Sets the target pushed at `place`."""
        self.code[place : place + 2] = target.to_bytes(2, "big")

    def call(self, subroutine: int) -> None:
        """Jumps to a subroutine that finds its return position on top of its arguments."""
        self.push_target(self.position + 7)
        self.push_target(subroutine)
        self.op("JUMP", "JUMPDEST")


def init_code(runtime: bytes) -> bytes:
    """Creation code that returns `runtime`; raises GeneratorError beyond the limit of EIP-170."""
    if len(runtime) > CODE_SIZE_MAX:
        raise GeneratorError(f"contract code: expected at most {CODE_SIZE_MAX} bytes, found {len(runtime)}")
    assembler = Assembler()
    assembler.code += bytes([0x61]) + len(runtime).to_bytes(2, "big")  # PUSH2 length
    assembler.op("DUP1")
    assembler.push(INIT_BYTES)  # offset of the runtime code
    assembler.push(0)
    assembler.op("CODECOPY")
    assembler.push(0)
    assembler.op("RETURN")
    if assembler.position != INIT_BYTES:
        raise AssertionError(f"creation code: expected {INIT_BYTES} bytes, found {assembler.position}")
    return bytes(assembler.code) + runtime
