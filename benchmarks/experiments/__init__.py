"""Training experiments: tables of arms, how an arm is trained, and what is recorded."""
