"""All errors of the package `zk`, as one tree.

ZkError
├── ElfError               a file is not a guest program this machine can run
│   └── SignatureRegionError  its signature symbols do not enclose words of memory
├── GuestBuildError        the compiler refused a guest
├── InputFileError         a file of words or a proof cannot be read
├── OutputFileError        a file cannot be written, or would replace something
├── SetupError             a program or machine breaks a rule that the proof relies on
├── AirError               a chip breaks a rule of the generator (proof system, section 5)
├── DeterminismError       a chip cannot be stated as a function, or lacks a statement
├── ExecutionError         the guest did something that has no proof
│   ├── IllegalInstructionError   it ran into a word that is no RV32IM instruction
│   ├── JumpError                 it jumped out of the program or to a misaligned address
│   ├── MisalignedAccessError, UnmappedAccessError
│   ├── OutOfHintsError, CycleLimitError
│   └── CallError                 an ECALL that the machine refuses
├── GuestFailureError      the guest ended with an exit code other than 0
├── ConformanceError       a run or its verified proof is not what the reference signature says
├── TraceError             a trace violates a constraint or a bus, or does not fit the machine
├── WorkerError            the prover worker failed or broke its protocol
└── VerificationError      a proof is not accepted
    ├── ProofFormatError   its bytes are not a proof of the shape that key and header demand
    │   ├── TruncatedProofError, TrailingBytesError, NonCanonicalError
    │   └── HeaderError    magic, version, configuration, zk flag or chip count
    ├── VerifyingKeyMismatchError
    ├── ShapeError         heights or sizes outside what the key admits
    ├── PublicValueError   a public value breaks a rule of the machine
    └── ArgumentError      one per check of the argument:
        ZeroDenominatorError, RootSumError, LayerError, ZerocheckError, GrindingError,
        MerkleError, FoldError, FinalIdentityError, BoundaryError, GlobalSumError, ShardChainError
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zk.vm.fault_report import FaultReport


class ZkError(Exception):
    """Base of every error of this package."""


class ElfError(ZkError):
    """The file is not an ELF32 RISC-V program within the limits of the machine."""


class SignatureRegionError(ElfError):
    """The symbols begin_signature and end_signature do not enclose words of the program's memory."""


class GuestBuildError(ZkError):
    """The guest toolchain is missing or refused the sources."""


class InputFileError(ZkError):
    """A file cannot be read or is no file of 32-bit words."""


class OutputFileError(ZkError):
    """A file or folder cannot be written, or is there already and must not be replaced."""


class SetupError(ZkError):
    """A program or machine breaks a rule that the AIR relies on (proof system, section 14)."""


class AirError(ZkError):
    """A chip breaks a rule of the generator (proof system, section 5)."""


class DeterminismError(ZkError):
    """A chip has no statement of determinism, or uses a form that the proofs do not know."""


class ExecutionError(ZkError):
    """The guest did something that cannot be proven: at `pc`, `offset` bytes into the function `symbol`, in this `cycle`.

    `report` describes the place in terms of the sources where somebody has asked for it (zk.vm.fault_report).
    """

    def __init__(self, reason: str, *, pc: int = 0, symbol: str | None = None, offset: int = 0, cycle: int = 0) -> None:
        where = f"pc {pc:#010x}" + (f" in {symbol}+{offset:#x}" if symbol else "")
        super().__init__(f"{reason} ({where}, cycle {cycle})")
        self.reason = reason
        self.pc = pc
        self.symbol = symbol
        self.offset = offset
        self.cycle = cycle
        self.report: FaultReport | None = None


class IllegalInstructionError(ExecutionError):
    """The word at pc is no instruction of RV32IM."""


class JumpError(ExecutionError):
    """pc is misaligned or outside of the executable segments."""


class MisalignedAccessError(ExecutionError):
    """An access to an address that is no multiple of its size."""


class UnmappedAccessError(ExecutionError):
    """An access where the program has no memory, or at or above 2^30."""


class OutOfHintsError(ExecutionError):
    """The guest asked for more private words than it was given."""


class CycleLimitError(ExecutionError):
    """No HALT within the limit of cycles."""


class CallError(ExecutionError):
    """An ECALL with a number or arguments that the machine refuses."""


class GuestFailureError(ZkError):
    """The guest ended with an exit code other than 0. The run can be proven, but no verifier accepts the proof."""


class ConformanceError(ZkError):
    """A test ended otherwise than its reference signature says, in the executor or in the verified proof."""


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


class TruncatedProofError(ProofFormatError):
    """The proof ends inside a field."""


class TrailingBytesError(ProofFormatError):
    """Bytes follow the last field."""


class NonCanonicalError(ProofFormatError):
    """An element or digest element is not below p."""


class HeaderError(ProofFormatError):
    """Magic, version, configuration, zk flag or chip count is not that of this verifier and key."""


class VerifyingKeyMismatchError(VerificationError):
    """The proof names another verifying key."""


class ShapeError(VerificationError):
    """Heights or derived sizes lie outside what the verifying key admits."""


class PublicValueError(VerificationError):
    """A public value breaks a rule of the machine."""


class ArgumentError(VerificationError):
    """A check of the argument fails."""


class ZeroDenominatorError(ArgumentError):
    """The root denominator or the public denominator is zero."""


class RootSumError(ArgumentError):
    """The bus sum is not minus the public sum."""


class LayerError(ArgumentError):
    """The claims of a GKR layer do not continue the claim of the layer above."""


class ZerocheckError(ArgumentError):
    """The column evaluations do not give the value at which the zerocheck ended."""


class GrindingError(ArgumentError):
    """A nonce does not show the demanded work."""


class MerkleError(ArgumentError):
    """Opened rows do not hash to the root."""


class FoldError(ArgumentError):
    """An opened row folds to another value than the final polynomial has there."""


class FinalIdentityError(ArgumentError):
    """The opening sumcheck does not end at weight times final polynomial."""


class BoundaryError(ArgumentError):
    """The boundary columns of a shard are not those of its record."""


class GlobalSumError(ArgumentError):
    """The memory tuples of all shards do not balance."""


class ShardChainError(ArgumentError):
    """The shards of a run do not continue each other, or an output word is not committed exactly once."""
