"""The command line for people: what an operator does and asks, under their own IAM permissions."""
