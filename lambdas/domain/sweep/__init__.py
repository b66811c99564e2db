"""Looking at every endpoint: what is found, and what is asked about."""
