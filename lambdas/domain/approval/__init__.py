"""Who may decide, and what a decision amounts to."""
