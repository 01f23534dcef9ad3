"""The zkVM: RV32IM machine, proof system, guests."""
