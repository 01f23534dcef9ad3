"""All errors of the package `zk`, as one tree.

    ZkError
    ├── ElfError               a file is not a guest program this machine can run
    ├── GuestBuildError        the compiler refused a guest
    ├── SetupError             a program or machine breaks a rule that the proof relies on
    ├── AirError               a chip breaks a rule of the generator (proof system, section 5)
    ├── ExecutionError         the guest did something that has no proof
    ├── TraceError             a trace violates a constraint or a bus, or does not fit the machine
    ├── WorkerError            the prover worker failed or broke its protocol
    └── VerificationError      a proof is not accepted
        └── ProofFormatError   … because its bytes are not a proof of this shape
"""

from __future__ import annotations


class ZkError(Exception):
    """Base of every error of this package."""


class ElfError(ZkError):
    """The file is not an ELF32 RISC-V program within the limits of the machine."""


class GuestBuildError(ZkError):
    """The guest toolchain is missing or refused the sources."""


class SetupError(ZkError):
    """A program or machine breaks a rule that the AIR relies on (proof system, section 14)."""


class AirError(ZkError):
    """A chip breaks a rule of the generator (proof system, section 5)."""


class ExecutionError(ZkError):
    """The guest did something that cannot be proven. `pc` and `symbol` say where, `cycle` when."""

    def __init__(self, reason: str, *, pc: int = 0, symbol: str | None = None, cycle: int = 0) -> None:
        where = f"pc {pc:#010x}" + (f" in {symbol}" if symbol else "")
        super().__init__(f"{reason} ({where}, cycle {cycle})")
        self.reason = reason
        self.pc = pc
        self.symbol = symbol
        self.cycle = cycle


class TraceError(ZkError):
    """A trace violates a constraint or a bus, or does not fit the heights of its machine."""


class WorkerError(ZkError):
    """The prover worker failed or broke its protocol; `kind` is the type of the remote error."""

    def __init__(self, message: str, *, kind: str = "WorkerError") -> None:
        super().__init__(message)
        self.kind = kind


class VerificationError(ZkError):
    """The proof is not accepted."""


class ProofFormatError(VerificationError):
    """The bytes are not a proof of the shape that key and header demand."""
