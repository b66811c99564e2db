"""What runs in AWS. Handlers call services, services call gateways and the domain."""
