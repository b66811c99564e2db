"""What a config says about encryption, the twin that fixes it, and how the endpoint gets there."""
