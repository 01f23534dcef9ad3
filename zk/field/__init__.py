"""KoalaBear and its quintic extension."""
