"""The command line `sealpoint`: what an operator does and asks, under their own IAM permissions."""
