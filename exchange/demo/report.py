"""What the demo measured, as it happens and as JSON at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

BATCH_FIELDS = (
    "number",
    "commands",
    "cycles",
    "committed_cells",
    "execute_seconds",
    "prove_seconds",
    "proof_bytes",
    "security_bits",
    "gas",
    "transaction",
    "old_root",
    "new_root",
    "settle_seconds",
)
ACCEPTED = ("accepted", "final")


@dataclass(slots=True)
class DemoReport:
    """Figures of one run; roots and hashes as 0x-hexadecimal."""

    data_source: str = ""
    commands: int = 0
    orders: int = 0
    fills: int = 0
    accounts: int = 0
    batches: dict[int, dict[str, Any]] = field(default_factory=dict)
    root_on_chain: str = ""
    root_engine: str = ""
    root_model: str = ""
    withdrawal_claimed: bool = False
    refused: dict[str, bool] = field(
        default_factory=lambda: {"tampered_proof": False, "wrong_root": False, "replayed_batch": False}
    )
    replay: dict[str, Any] = field(default_factory=dict)
    peak_rss_bytes: int = 0
    seconds: float = 0.0

    def update_batch(self, record: dict[str, Any]) -> None:
        """Takes the newest public record of a batch."""
        self.batches[record["number"]] = {**self.batches.get(record["number"], {}), **record}
        self.peak_rss_bytes = max(self.peak_rss_bytes, record.get("peak_rss_bytes") or 0)

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """Batches that the contract accepted, in order."""
        return [record for _, record in sorted(self.batches.items()) if record["status"] in ACCEPTED]

    @property
    def pending(self) -> int:
        """Closed batches that the contract has not accepted yet."""
        return len(self.batches) - len(self.accepted)

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Batches that could not be proven or were refused."""
        return [record for _, record in sorted(self.batches.items()) if record["status"] == "failed"]

    def failures(self) -> list[str]:
        """Everything that a successful run must show and this one does not."""
        roots = {self.root_on_chain, self.root_engine, self.root_model}
        checks = {
            "no batch was accepted on chain": bool(self.accepted),
            "a batch is not accepted": len(self.accepted) == len(self.batches),
            "the roots of chain, engine and model differ": len(roots) == 1 and "" not in roots,
            "no withdrawal was claimed": self.withdrawal_claimed,
            "the replay's trades differ from the expected ones": bool(self.replay.get("trades_match")),
            "the replay's book differs from the accounts' orders": bool(self.replay.get("book_matches")),
        }
        failures = [problem for problem, fine in checks.items() if not fine]
        failures += [
            f"the contract did not refuse a {name.replace('_', ' ')}" for name, ok in self.refused.items() if not ok
        ]
        return failures

    def as_dict(self) -> dict[str, Any]:
        """The JSON report."""
        return {
            "data_source": self.data_source,
            "commands": self.commands,
            "orders": self.orders,
            "fills": self.fills,
            "accounts": self.accounts,
            "batches": [{name: record.get(name) for name in BATCH_FIELDS} for record in self.accepted],
            "root_on_chain": self.root_on_chain,
            "root_engine": self.root_engine,
            "root_model": self.root_model,
            "withdrawal_claimed": self.withdrawal_claimed,
            "refused": self.refused,
            "peak_rss_bytes": self.peak_rss_bytes,
            "replay": self.replay,
            "seconds": round(self.seconds, 1),
        }
