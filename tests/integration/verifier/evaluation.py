"""Input of the generated evaluators, built independently of ProofVerifier, and their expected value."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

from web3 import Web3

from gpu.program import ChipProgram
from tests.integration.verifier.chain import CALL_GAS, measure
from zk.field import Ext, P
from zk.field.extension import powers
from zk.multilinear.zerocheck import BusChallenges, ChipWeights, evaluate_chip
from zk.solidity.arithmetic import DIGIT_MAX, SPACING, R
from zk.solidity.evaluator import INPUT_CHIPS


def pack(value: Ext) -> int:
    """Montgomery form, one canonical digit in each 51 bits."""
    return sum((c * R % P) << (SPACING * i) for i, c in enumerate(value.c))


def unpack(word: int) -> Ext:
    """The element of a packed lazy word in Montgomery form."""
    return Ext.of([(word >> (SPACING * i) & DIGIT_MAX) * pow(R, -1, P) for i in range(5)])


class Evaluation:
    """Random columns, weights and challenges for the present chips of a machine."""

    def __init__(self, programs: Sequence[ChipProgram], present: Sequence[bool], seed: int) -> None:
        rng = random.Random(seed)

        def draw() -> Ext:
            return Ext.of([rng.choice((0, 1, P - 1, rng.randrange(P))) for _ in range(5)])

        self._programs, self._present = programs, present
        self.combination, alpha, beta = draw(), draw(), draw()
        self._buses = BusChallenges(alpha, beta)
        self._columns = [[draw() for _ in range(p.column_count)] for p in programs]
        self._weights = [[draw() for _ in p.interactions] for p in programs]

    def calldata(self) -> bytes:
        """The input as ProofVerifier writes it, with accumulator 0."""
        lam, beta = self.combination, self._buses.beta
        head = [0, pack(lam), pack(lam * self._buses.alpha), *(pack(x) for x in powers(beta, 15, lam * beta))]
        body: list[int] = []
        chips = []
        start = INPUT_CHIPS + len(self._programs)
        for number, program in enumerate(self._programs):
            if not self._present[number]:
                chips.append(0)
                continue
            places = []
            columns = self._columns[number]
            ends = [0, program.main_count, program.main_count + program.preprocessed_count, program.column_count]
            for part in (*(columns[a:b] for a, b in pairwise(ends)), self._weights[number]):
                places.append(32 * (start + len(body)))
                body += [pack(value) for value in part]
            main, preprocessed, virtual, weights = places
            chips.append(1 << 128 | weights << 96 | virtual << 64 | preprocessed << 32 | main)
        return b"".join(word.to_bytes(32, "big") for word in (*head, *chips, *body))

    def expected(self) -> Ext:
        """sum_c G_c."""
        result, power = Ext.of(0), self.combination * self.combination
        for number, program in enumerate(self._programs):
            if not self._present[number]:
                continue
            constraints = tuple(powers(self.combination, len(program.constraints), power))
            power = power * self.combination ** len(program.constraints)
            weights = ChipWeights(tuple(self._weights[number]), constraints)
            columns = self._columns[number]
            result = result + evaluate_chip(program, columns, weights, self.combination, self._buses)
        return result

    def found(self, web3: Web3, addresses: Sequence[str]) -> Ext:
        """The value that the evaluators at these addresses give."""
        data, total = self.calldata(), Ext.of(0)
        for address in reversed(addresses):
            answer = bytes(web3.eth.call({"to": address, "data": data, "gas": CALL_GAS}))
            data = answer[:32] + data[32:]
            total = total + unpack(int.from_bytes(answer[32:64], "big"))
        accumulator = unpack(int.from_bytes(data[:32], "big"))
        return total + accumulator * self.combination * self.combination

    def gas(self, web3: Web3, addresses: Sequence[str]) -> list[int]:
        """Execution gas of each evaluator (without the cost of calldata)."""
        return [measure(web3, address, self.calldata()) for address in addresses]
