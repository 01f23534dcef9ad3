"""What the EVM verifier needs of a verifying key: tables, generated evaluators, deployment."""
