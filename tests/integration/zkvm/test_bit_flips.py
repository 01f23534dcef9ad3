"""Random single-bit changes of real proofs: each is refused, by the Python verifier and by the contracts."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from web3.exceptions import ContractLogicError

from exchange.settlement.anvil import Anvil
from exchange.settlement.artifacts import load
from exchange.settlement.deploy import VERIFIER_SOURCE, VerifierPlan, build_contracts, deploy_verifier
from exchange.settlement.transactions import Sender, connect
from gpu import default_device
from tests.integration.batch.recorded import BatchPlayer
from zk.configuration import ConfigName
from zk.errors import VerificationError
from zk.service.programs import build_batch_guest, write_verifier
from zk.vm.elf import read_elf
from zk.vm.guest import build_sample
from zk.vm.keys import GuestKeys, guest_keys
from zk.vm.proving import prove_guest, verify_guest

LOG_ROWS = 14
SEED = 20_261_122
GAS_MAX = 16_777_216


def single_bit_changes(proof: bytes, count: int) -> list[bytes]:
    """`count` copies of a proof with one random bit changed."""
    print(f"seed {SEED}")
    draw, changed = random.Random(SEED), []
    for _ in range(count):
        data, bit = bytearray(proof), draw.randrange(8 * len(proof))
        data[bit // 8] ^= 1 << bit % 8
        changed.append(bytes(data))
    return changed


def accepted(keys: GuestKeys, proof: bytes) -> bool:
    """Whether the Python verifier takes a proof; anything but a typed refusal is an error of the test."""
    try:
        verify_guest(keys.verifying, proof)
    except VerificationError:
        return False
    return True


@pytest.mark.parametrize(("config", "count"), [("K", 300), ("KA", 100), ("P2", 40)])
def test_changes_of_a_small_guests_proof_are_refused(config: ConfigName, count: int, tmp_path: Path) -> None:
    program = read_elf(build_sample("fibonacci", tmp_path / "fibonacci.elf"))
    keys = guest_keys(program, config, device=default_device(), log_rows_max=LOG_ROWS)
    proof = prove_guest(keys, np.array([3], np.uint32), default_device()).proof
    assert accepted(keys, proof)
    assert [accepted(keys, data) for data in single_bit_changes(proof, count)] == [False] * count


@pytest.mark.soak
async def test_changes_of_a_batch_proof_are_refused_by_both_verifiers(tmp_path: Path) -> None:
    guest = build_batch_guest(tmp_path / "batch.elf")
    batch = BatchPlayer().mixed_batch().build()
    keys = guest_keys(read_elf(guest), "K", device=default_device())
    proof = prove_guest(keys, np.asarray(batch.hints, dtype=np.uint32), default_device()).proof
    assert accepted(keys, proof)
    changed = single_bit_changes(proof, 20)
    assert [accepted(keys, data) for data in changed] == [False] * 20

    write_verifier(guest, tmp_path / "verifier.json")
    plan = VerifierPlan.read(tmp_path / "verifier.json")
    build_contracts()
    async with Anvil() as node:
        web3 = connect(node.rpc_url)
        try:
            deployed = await deploy_verifier(Sender(web3, node.accounts[0]), plan)
            address = web3.to_checksum_address(deployed.address)
            verifier = web3.eth.contract(address=address, abi=load(VERIFIER_SOURCE).abi)

            async def contract_accepts(data: bytes) -> bool:
                call = verifier.functions.verify(plan.program_id, batch.public_inputs_hash, data)
                try:
                    return bool(await call.call({"gas": GAS_MAX}))
                except ContractLogicError:
                    return False

            assert await contract_accepts(proof)
            assert [await contract_accepts(data) for data in changed] == [False] * 20
        finally:
            await web3.provider.disconnect()
