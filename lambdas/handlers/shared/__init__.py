"""What several handlers do alike: log and count, decide, and keep people informed."""
