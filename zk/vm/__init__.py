"""Guest programs: ELF, executor, trace generation."""
