"""A real proof of a real batch through the exchange's prover adapter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from exchange.settlement.batcher import check_input, make_builder
from exchange.settlement.pipeline import ProverFault, WorkerProver
from tests.unit.exchange.kit import VENUE, make_sequencer, make_traders, open_market
from zk.service.client import ProverClient

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_proof_of_a_batch_is_bound_to_its_public_inputs(tmp_path: Path) -> None:
    pytest.importorskip("matching._core", reason="the native core is not built")
    code = "import sys; from pathlib import Path; from zk.service.programs import build_batch_guest as b; b(Path(sys.argv[1]))"
    guest = tmp_path / "batch.elf"
    subprocess.run([sys.executable, "-c", code, str(guest)], cwd=ROOT, check=True)
    sequencer = make_sequencer()
    open_market(sequencer, make_traders(2))
    group = sequencer.take_group()
    assert group is not None
    (batch,) = group.closed
    built = make_builder(VENUE)(batch, bytes(32))
    statement = check_input(batch, built, VENUE).public_inputs_hash(VENUE.chain_id, VENUE.exchange)
    hints, proof = tmp_path / "hints.u32", tmp_path / "proof.bin"
    hints.write_bytes(built.hints.astype("<u4").tobytes())
    stages: list[str] = []
    async with ProverClient() as client:
        prover = WorkerProver(client, guest)
        figures = await prover.prove(hints, proof, lambda stage, _: stages.append(stage))
        with pytest.raises(ProverFault):
            await prover.check(proof, bytes(32))
        prover = WorkerProver(client, guest)
        await prover.prove(hints, proof, lambda stage, _: stages.append(stage))
        await prover.check(proof, statement)
        with pytest.raises(ProverFault):
            await prover.prove(tmp_path / "absent.u32", proof, lambda stage, _: None)
    assert figures["proof_bytes"] == proof.stat().st_size
    assert figures["security_bits"] >= 100
    assert figures["cycles"] > 10_000
    assert len(figures["vk_digest"]) == 66
    assert {"execute", "commit", "open"} <= set(stages)
    print(
        {
            name: figures[name]
            for name in ("cycles", "committed_cells", "execute_seconds", "prove_seconds", "proof_bytes")
        }
    )
