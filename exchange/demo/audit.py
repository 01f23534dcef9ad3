"""The independent check: the readable Python model replays every command of the journal and computes the roots again."""

from __future__ import annotations

from pathlib import Path

from exchange.settings import load_settings
from exchange.storage.journal import Journal, read_master_key
from exchange.storage.layout import RecordKind
from exchange.venue import VenueId
from matching.codec import CommandKind, decode_command
from matching.spec.machine import Model


def model_roots(settings_file: Path) -> dict[int, bytes]:
    """State root after each closed batch, by the model. The exchange must have stopped."""
    settings = load_settings(settings_file)
    fund_owner, fee_owner = bytes.fromhex(settings.fund_owner[2:]), bytes.fromhex(settings.fee_owner[2:])
    venue = VenueId(settings.chain_id, bytes.fromhex(settings.exchange[2:]))
    journal = Journal(
        settings.data_folder / "journal",
        read_master_key(settings.journal_key_file),
        venue.genesis_hash(fund_owner, fee_owner),
        settings.journal_segment_bytes,
    )
    model, roots, batch = Model(fund_owner, fee_owner), {}, 0
    for group in journal.replay():
        for record in group.records:
            if record.kind != RecordKind.COMMAND:
                continue
            model.apply(record.payload)
            kind = decode_command(record.payload).kind
            if kind == CommandKind.BATCH_OPEN:
                batch += 1
            elif kind == CommandKind.BATCH_CLOSE:
                roots[batch] = model.state_root()
    return roots
