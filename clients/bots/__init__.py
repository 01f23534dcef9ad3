"""Market-maker and taker bots, recorded order flow."""
