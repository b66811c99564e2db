"""What a config says of encryption, the twin that would mend it, and how the endpoint gets there."""
